import { useCallback, useState } from 'preact/hooks';
import { useConsole } from './context.ts';
import { asError, isSignedOut } from './failures.ts';

/** Something that a person sets off: at most once at a time, its failure shown where they did. */
export interface Action {
  readonly isRunning: boolean;
  readonly error: Error | null;
  run(this: void, work: () => Promise<void>): void;
  /** Forgets the failure. */
  reset(this: void): void;
}

export function useAction(): Action {
  const { signedOut } = useConsole();
  const [isRunning, setRunning] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const run = useCallback(
    (work: () => Promise<void>) => {
      setRunning(true);
      setError(null);
      work()
        .catch((cause: unknown) => {
          const failure = asError(cause);
          // Who closes a dialog that asks where to save has changed their mind; nothing has failed.
          if (failure.name === 'AbortError') return;
          if (isSignedOut(failure)) signedOut(failure.message);
          setError(failure);
        })
        .finally(() => setRunning(false));
    },
    [signedOut],
  );
  const reset = useCallback(() => setError(null), []);
  return { isRunning, error, run, reset };
}
