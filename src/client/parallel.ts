import { reasonOf } from './runtime.ts';

/**
 * Runs work on every item, results in the items' order, at most `width()` at a time: it is asked anew whenever one ends. The
 * first failure aborts the others through their signal; it is thrown once all of them have stopped, so that nothing is left
 * running behind the caller.
 */
export async function mapInParallel<T, R>(
  items: readonly T[],
  width: () => number,
  signal: AbortSignal | undefined,
  work: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const controller = new AbortController();
  const stop = (): void => controller.abort(reasonOf(signal));
  if (signal?.aborted === true) stop();
  signal?.addEventListener('abort', stop, { once: true });

  const results = new Map<number, R>();
  const queue = items.entries();
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | null = null;

  async function run(index: number, item: T): Promise<void> {
    try {
      results.set(index, await work(item, controller.signal));
    } catch (error) {
      failure ??= { error };
      controller.abort();
    }
  }

  function startMore(): void {
    while (running.size < Math.max(1, width()) && !controller.signal.aborted) {
      const next = queue.next();
      if (next.done === true) return;
      const task: Promise<void> = run(...next.value).finally(() => running.delete(task));
      running.add(task);
    }
  }

  try {
    for (startMore(); running.size > 0; startMore()) await Promise.race(running);
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
