import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { useConsole } from './context.ts';
import { asError, isSignedOut } from './failures.ts';

/** What a page has asked for: it may come, have come, or not be had. A value that is being loaded anew is still shown. */
export interface Loaded<Value> {
  readonly value: Value | null;
  readonly error: Error | null;
  readonly isLoading: boolean;
  reload(this: void): void;
}

/** Runs `load` at first and whenever `key` changes; the one before is aborted. An answer of 401 leads back to the sign-in page. */
export function useLoaded<Value>(key: string, load: (signal: AbortSignal) => Promise<Value>): Loaded<Value> {
  const { signedOut } = useConsole();
  const [round, setRound] = useState(0);
  const [state, setState] = useState<Omit<Loaded<Value>, 'reload'>>({ value: null, error: null, isLoading: true });
  const shownKey = useRef(key);
  const latest = useRef(load);
  latest.current = load;

  useEffect(() => {
    const controller = new AbortController();
    const isSameThing = shownKey.current === key;
    shownKey.current = key;
    setState((before) => ({ value: isSameThing ? before.value : null, error: null, isLoading: true }));
    latest.current(controller.signal).then(
      (value) => {
        if (!controller.signal.aborted) setState({ value, error: null, isLoading: false });
      },
      (cause: unknown) => {
        if (controller.signal.aborted) return;
        const error = asError(cause);
        if (isSignedOut(error)) signedOut(error.message);
        setState((before) => ({ ...before, error, isLoading: false }));
      },
    );
    return () => controller.abort();
  }, [key, round, signedOut]);

  const reload = useCallback(() => setRound((before) => before + 1), []);
  return { ...state, reload };
}
