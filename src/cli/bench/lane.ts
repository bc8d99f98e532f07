import type { Task } from './tasks.ts';

/** Is told of each step of an operation and its latency in milliseconds. */
export type RecordStep = (step: string, latencyMs: number) => void;

/** One caller's way to a server: one operation at a time. */
export interface Lane {
  /** Does it, checks the answer, and returns the payload bytes that moved. Throws where the server did not do as asked. */
  run(task: Task): Promise<number>;
  close(): void;
}

/** A server as the load test drives it. */
export interface LoadTarget {
  openLane(record: RecordStep): Lane;
}

/** A short name for a failure, to count it by: the server's error code, or the system's. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.message.slice(0, 80) : 'unknown';
}
