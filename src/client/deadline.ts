import { ArtifortressError } from './errors.ts';
import { reasonOf } from './runtime.ts';

/** A signal that aborts with the caller's own, or when time is up. Who starts it disarms it. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Begins the time anew, with another limit if one is given. */
  restart(this: void, limitMs?: number): void;
  disarm(this: void): void;
  /** What to throw for a failure under this deadline: the caller's abort, the time-out, or `network_error`. */
  explain(this: void, error: unknown, doing: string): Error;
}

/** Bounds one exchange: without it a peer that went to sleep would hold the caller for ever. */
export function startDeadline(caller: AbortSignal | undefined, limitMs: number): Deadline {
  const time = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const disarm = (): void => clearTimeout(timer);
  let lastLimitMs = limitMs;
  const restart = (newLimitMs = lastLimitMs): void => {
    disarm();
    lastLimitMs = newLimitMs;
    timer = setTimeout(() => time.abort(), newLimitMs);
  };
  restart();

  return {
    signal: caller === undefined ? time.signal : AbortSignal.any([caller, time.signal]),
    restart,
    disarm,
    explain(error, doing) {
      const causes = causesOf(error);
      const known = causes.find((cause) => cause instanceof ArtifortressError);
      if (known !== undefined) return known;
      if (caller?.aborted === true) return reasonOf(caller);
      if (time.signal.aborted) {
        const message = `Nothing came back within ${Math.round(lastLimitMs / 1000)} s while ${doing}.`;
        return new ArtifortressError({ code: 'timeout', message });
      }
      const reason = messageOf(causes.at(-1)).replace(/\.$/, '');
      const message = `The connection failed while ${doing}: ${reason}.`;
      return new ArtifortressError({ code: 'network_error', message, cause: error });
    },
  };
}

const MAX_CAUSES = 5;

/** An error and what caused it, innermost last: fetch itself says only "fetch failed". */
function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = [];
  let current = error;
  while (current !== undefined && causes.length < MAX_CAUSES) {
    causes.push(current);
    // Several addresses tried (IPv6, then IPv4) fail together: the first one's reason says enough.
    if (current instanceof AggregateError) current = current.errors[0];
    else current = current instanceof Error ? current.cause : undefined;
  }
  return causes;
}

function messageOf(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : 'no reason given';
}
