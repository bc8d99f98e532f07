import type { Progress } from '../client/progress.ts';

/** How far a transfer of one or several files is, all taken together. */
export interface Overall {
  readonly phase: Progress['phase'];
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Null until it can be told. */
  readonly bytesPerSecond: number | null;
}

/** The rate is that of the last seconds: a whole transfer's mean would hide that the network has just gone slow. */
const RATE_WINDOW_MS = 8_000;
/** Below this it would jump about. */
const LEAST_RATE_WINDOW_MS = 500;

export interface TransferProgress {
  /** What one of the files has got to. */
  report(this: void, file: string, progress: Progress, nowMs: number): void;
  /** Files that are through, or given up. */
  finish(this: void, file: string): void;
  overall(this: void, nowMs: number): Overall | null;
}

/**
 * Adds up files of known sizes in all, of which several are under way at once. The phase shown is the one that moves bytes:
 * hashing counts only until the first file is sent, verifying only once all are.
 */
export function addUp(totalBytes: number): TransferProgress {
  const current = new Map<string, Progress>();
  let finishedBytes = 0;
  let samples: { readonly atMs: number; readonly doneBytes: number }[] = [];
  let sampledPhase: Progress['phase'] | null = null;

  function phaseNow(): Progress['phase'] | null {
    const phases = [...current.values()].map((progress) => progress.phase);
    return (['download', 'upload', 'verify', 'hash'] as const).find((phase) => phases.includes(phase)) ?? null;
  }

  function doneIn(phase: Progress['phase']): number {
    let doneBytes = finishedBytes;
    for (const progress of current.values()) {
      if (progress.phase === phase) doneBytes += progress.doneBytes;
      else if (phase === 'upload' && progress.phase === 'verify') doneBytes += progress.totalBytes;
    }
    return doneBytes;
  }

  function rate(doneBytes: number, nowMs: number): number | null {
    const oldest = samples[0];
    if (oldest === undefined || nowMs - oldest.atMs < LEAST_RATE_WINDOW_MS) return null;
    return Math.max(0, ((doneBytes - oldest.doneBytes) / (nowMs - oldest.atMs)) * 1000);
  }

  return {
    report(file, progress, nowMs) {
      current.set(file, progress);
      const phase = phaseNow();
      if (phase === null) return;
      if (phase !== sampledPhase) samples = [];
      sampledPhase = phase;
      const last = samples.at(-1);
      // One in a tenth of a second is enough, and bounds their number.
      if (last === undefined || nowMs - last.atMs >= 100) samples.push({ atMs: nowMs, doneBytes: doneIn(phase) });
      samples = samples.filter(({ atMs }, index) => index === samples.length - 1 || nowMs - atMs <= RATE_WINDOW_MS);
    },
    finish(file) {
      finishedBytes += current.get(file)?.totalBytes ?? 0;
      current.delete(file);
    },
    overall(nowMs) {
      const phase = phaseNow();
      if (phase === null) return null;
      const doneBytes = doneIn(phase);
      // Standard input, and what is pulled, tell their size only under way.
      const knownBytes = [...current.values()].reduce((sum, progress) => sum + progress.totalBytes, finishedBytes);
      return { phase, doneBytes, totalBytes: Math.max(totalBytes, knownBytes), bytesPerSecond: rate(doneBytes, nowMs) };
    },
  };
}
