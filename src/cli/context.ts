import type { CliEnvironment } from './environment.ts';
import { EXIT } from './exit-codes.ts';
import { Interrupted } from './failures.ts';

/** What every command is given. */
export interface CliContext {
  readonly environment: CliEnvironment;
  /** Aborts on Ctrl-C. The process listens for signals only once a command has asked for it: a server has its own way. */
  readonly signal: AbortSignal;
  /** What the process ends with if nothing fails; 0 unless a command says otherwise. */
  exitCode: number;
  dispose(): void;
}

/**
 * One Ctrl-C can arrive twice: from the terminal, and forwarded by the wrapper process or by `timeout`. Only a second one
 * after this time is a person who will not wait.
 */
const SAME_SIGNAL_MS = 500;

/** A context over an environment; its owner disposes it. */
export function createContext(environment: CliEnvironment): CliContext {
  const controller = new AbortController();
  let firstAtMs: number | null = null;
  let stopListening: (() => void) | null = null;

  function onSignal(name: NodeJS.Signals): void {
    if (firstAtMs === null) {
      firstAtMs = environment.monotonicMs();
      controller.abort(new Interrupted(name));
    } else if (environment.monotonicMs() - firstAtMs > SAME_SIGNAL_MS) {
      environment.exitNow(EXIT.interrupted);
    }
  }

  return {
    environment,
    exitCode: EXIT.ok,
    get signal() {
      stopListening ??= environment.onSignal(onSignal);
      return controller.signal;
    },
    dispose: () => stopListening?.(),
  };
}
