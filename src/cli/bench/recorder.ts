import { Latencies, type LatencySummary } from './latencies.ts';
import type { Operation } from './tasks.ts';

const MIB_BYTES = 1024 ** 2;

/** What became of one kind of operation within a window. */
interface OperationFigures {
  readonly operation: Operation;
  readonly count: number;
  readonly bytes: number;
  readonly perSecond: number;
  readonly mibPerSecond: number;
  /** From the moment at which the operation was meant to begin; of a closed loop that is when it began. */
  readonly latency: LatencySummary;
  /** From the moment at which it did begin. */
  readonly service: LatencySummary;
}

interface StepFigures {
  readonly step: string;
  readonly latency: LatencySummary;
}

/** What one window of load gave. */
export interface LoadFigures {
  readonly seconds: number;
  readonly operations: readonly OperationFigures[];
  readonly steps: readonly StepFigures[];
  /** Failed operations by code; they are in none of the figures above. */
  readonly errors: Readonly<Record<string, number>>;
  /** Operations of an open loop whose time had come and that were never begun, since the server was too far behind. */
  readonly neverBegun: number;
}

/** Keeps the book of one window. */
export class Recorder {
  readonly #operations = new Map<Operation, { bytes: number; latency: Latencies; service: Latencies }>();
  readonly #steps = new Map<string, Latencies>();
  readonly #errors = new Map<string, number>();

  readonly recordStep = (step: string, latencyMs: number): void => {
    entryOf(this.#steps, step, () => new Latencies()).record(latencyMs);
  };

  recordOperation(operation: Operation, bytes: number, latencyMs: number, serviceMs: number): void {
    const empty = () => ({ bytes: 0, latency: new Latencies(), service: new Latencies() });
    const entry = entryOf(this.#operations, operation, empty);
    entry.bytes += bytes;
    entry.latency.record(latencyMs);
    entry.service.record(serviceMs);
  }

  recordError(code: string): void {
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
  }

  figures(seconds: number, neverBegun: number): LoadFigures {
    const operations = Array.from(this.#operations, ([operation, { bytes, latency, service }]): OperationFigures => {
      const summary = latency.summary();
      return {
        operation,
        count: summary.count,
        bytes,
        perSecond: summary.count / seconds,
        mibPerSecond: bytes / MIB_BYTES / seconds,
        latency: summary,
        service: service.summary(),
      };
    });
    const steps = Array.from(this.#steps, ([step, latencies]) => ({ step, latency: latencies.summary() }));
    return { seconds, operations, steps, errors: Object.fromEntries(this.#errors), neverBegun };
  }
}

function entryOf<Key, Value>(entries: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = entries.get(key);
  if (known !== undefined) return known;
  const made = make();
  entries.set(key, made);
  return made;
}
