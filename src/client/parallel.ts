import { reasonOf } from './runtime.ts';

/**
 * Runs work on every item, at most `width` at a time, results in the items' order. The first failure aborts the others
 * through their signal; it is thrown once all of them have stopped, so that nothing is left running behind the caller.
 */
export async function mapInParallel<T, R>(
  items: readonly T[],
  width: number,
  signal: AbortSignal | undefined,
  work: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const controller = new AbortController();
  const stop = (): void => controller.abort(reasonOf(signal));
  if (signal?.aborted === true) stop();
  signal?.addEventListener('abort', stop, { once: true });

  const results = new Map<number, R>();
  const queue = items.entries();
  let failure: { readonly error: unknown } | null = null;

  async function drain(): Promise<void> {
    for (const [index, item] of queue) {
      if (controller.signal.aborted) return;
      try {
        results.set(index, await work(item, controller.signal));
      } catch (error) {
        failure ??= { error };
        controller.abort();
        return;
      }
    }
  }

  try {
    await Promise.all(Array.from({ length: Math.min(width, items.length) }, drain));
  } finally {
    signal?.removeEventListener('abort', stop);
  }
  if (signal?.aborted === true) throw reasonOf(signal);
  rethrow(failure);
  return [...results].sort(([left], [right]) => left - right).map(([, result]) => result);
}

function rethrow(failure: { readonly error: unknown } | null): void {
  if (failure === null) return;
  throw failure.error instanceof Error ? failure.error : new Error(String(failure.error));
}
