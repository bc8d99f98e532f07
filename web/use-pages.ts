import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Page } from '../src/client/index.ts';
import { useConsole } from './context.ts';
import { asError, isSignedOut } from './failures.ts';

/** A list that grows by a keyset page at a time. */
export interface Pages<Item> {
  /** Null until the first page has come. */
  readonly items: readonly Item[] | null;
  readonly hasMore: boolean;
  readonly error: Error | null;
  readonly isLoading: boolean;
  loadMore(this: void): void;
  /** Starts anew with the first page; what is shown stays until it has come. */
  reload(this: void): void;
}

interface State<Item> {
  readonly items: readonly Item[] | null;
  readonly cursor: string | null;
  readonly error: Error | null;
  readonly isLoading: boolean;
}

type LoadPage<Item> = (cursor: string | undefined, signal: AbortSignal) => Promise<Page<Item>>;

/** Loads the first page at first and whenever `key` changes; the others as they are asked for. */
export function usePages<Item>(key: string, load: LoadPage<Item>): Pages<Item> {
  const { signedOut } = useConsole();
  const [state, setState] = useState<State<Item>>({ items: null, cursor: null, error: null, isLoading: true });
  const running = useRef<AbortController | null>(null);
  const latest = useRef(load);
  latest.current = load;

  const run = useCallback(
    (cursor: string | undefined) => {
      running.current?.abort();
      const controller = new AbortController();
      running.current = controller;
      setState((before) => ({ ...before, error: null, isLoading: true }));
      latest.current(cursor, controller.signal).then(
        (page) => {
          if (controller.signal.aborted) return;
          setState((before) => ({
            items: cursor === undefined ? page.items : [...(before.items ?? []), ...page.items],
            cursor: page.nextCursor,
            error: null,
            isLoading: false,
          }));
        },
        (cause: unknown) => {
          if (controller.signal.aborted) return;
          const error = asError(cause);
          if (isSignedOut(error)) signedOut(error.message);
          setState((before) => ({ ...before, error, isLoading: false }));
        },
      );
    },
    [signedOut],
  );

  useEffect(() => {
    setState({ items: null, cursor: null, error: null, isLoading: true });
    run(undefined);
    return () => running.current?.abort();
  }, [key, run]);

  const { cursor } = state;
  const loadMore = useCallback(() => run(cursor ?? undefined), [run, cursor]);
  const reload = useCallback(() => run(undefined), [run]);
  return {
    items: state.items,
    hasMore: cursor !== null,
    error: state.error,
    isLoading: state.isLoading,
    loadMore,
    reload,
  };
}
