import type { OnProgress, Progress } from '../client/progress.ts';
import type { CliEnvironment } from './environment.ts';
import { formatBytes, formatDuration } from './format.ts';
import type { Output } from './output.ts';

/** Work shorter than this shows no bar: it would only flicker. */
const SHOW_AFTER_MS = 1_000;
/** How often a log, or a terminal that cannot redraw, is told how far it is. */
const LINE_EVERY_MS = 10_000;

const PHASE_NAMES: Readonly<Record<Progress['phase'], string>> = {
  hash: 'hashing',
  upload: 'uploading',
  verify: 'verifying',
  download: 'downloading',
};

export interface ProgressView {
  readonly onProgress: OnProgress;
  /** Clears the bar; call it before anything else is printed. */
  stop(this: void): void;
}

interface Bar {
  update(this: void, progress: Progress, elapsedMs: number): void;
  stop(this: void): void;
}

/** Shows how far a transfer is: a bar on a terminal, now and then a line elsewhere, nothing with `--quiet`. */
export function createProgressView(environment: CliEnvironment, output: Output): ProgressView {
  if (output.isQuiet) return { onProgress: () => undefined, stop: () => undefined };
  const { stderr, variables, monotonicMs } = environment;
  const startedMs = monotonicMs();
  const redraws = stderr.isTTY === true && variables.TERM !== 'dumb';
  let phase: Progress['phase'] | null = null;
  let phaseStartedMs = startedMs;
  let nextLineMs = startedMs + LINE_EVERY_MS;
  let bar: Bar | null = null;
  let isLoading = false;
  let stopped = false;

  async function loadBar(): Promise<void> {
    // Loaded only when seen: it is a tenth of the start of the process.
    const { default: progress } = await import('cli-progress');
    if (!stopped) bar = drawBar(progress, stderr);
  }

  return {
    onProgress(progress) {
      const now = monotonicMs();
      if (progress.phase !== phase) {
        phase = progress.phase;
        phaseStartedMs = now;
      }
      if (redraws && now - startedMs > SHOW_AFTER_MS) {
        if (!isLoading) void loadBar();
        isLoading = true;
        bar?.update(progress, now - phaseStartedMs);
      } else if (!redraws && now >= nextLineMs) {
        nextLineMs = now + LINE_EVERY_MS;
        output.note(progressLine(progress, now - phaseStartedMs));
      }
    },
    stop() {
      stopped = true;
      bar?.stop();
    },
  };
}

function drawBar(progress: typeof import('cli-progress'), stream: NodeJS.WritableStream): Bar {
  const drawn = new progress.SingleBar(
    {
      format: '{phase} [{bar}] {figures}',
      stream,
      clearOnComplete: true,
      hideCursor: true,
      barsize: 24,
      barCompleteChar: '#',
      barIncompleteChar: '-',
      // The process listens for Ctrl-C itself, and has to send an abort before it ends.
      gracefulExit: false,
    },
    progress.Presets.legacy,
  );
  let started = false;
  return {
    update(at, elapsedMs) {
      const payload = { phase: PHASE_NAMES[at.phase].padEnd(11), figures: figuresOf(at, elapsedMs) };
      if (!started) drawn.start(at.totalBytes, at.doneBytes, payload);
      started = true;
      drawn.setTotal(at.totalBytes);
      drawn.update(at.doneBytes, payload);
    },
    stop: () => drawn.stop(),
  };
}

/** `25 % · 1.00 MiB of 4.00 MiB · 1.00 MiB/s · 3.0 s left`. */
function figuresOf({ phase, doneBytes, totalBytes }: Progress, elapsedMs: number): string {
  if (phase === 'verify' && doneBytes === 0) return 'the server proves the digest';
  const percent = totalBytes === 0 ? 100 : Math.floor((doneBytes / totalBytes) * 100);
  const bytesPerMs = elapsedMs > 0 ? doneBytes / elapsedMs : 0;
  return [
    `${percent} %`,
    `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`,
    ...(bytesPerMs > 0 ? [`${formatBytes(bytesPerMs * 1000)}/s`] : []),
    ...(bytesPerMs > 0 && doneBytes < totalBytes
      ? [`${formatDuration((totalBytes - doneBytes) / bytesPerMs)} left`]
      : []),
  ].join(' · ');
}

/** How far it is, as a line of a log. */
export function progressLine(progress: Progress, elapsedMs: number): string {
  return `${PHASE_NAMES[progress.phase]}: ${figuresOf(progress, elapsedMs)}`;
}
