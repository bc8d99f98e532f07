import { formatBytes, formatDuration } from './format.ts';
import type { Overall } from './transfer-progress.ts';

const PHASE_NAMES: Readonly<Record<Overall['phase'], string>> = {
  hash: 'hashing',
  upload: 'uploading',
  verify: 'verifying',
  download: 'downloading',
};
const LONGEST_PHASE_NAME = 11;

/** `45 % · 1.20 GiB of 2.70 GiB · 310 MiB/s · 5 s left`. */
function figuresOf({ phase, doneBytes, totalBytes, bytesPerSecond }: Overall): string[] {
  if (phase === 'verify' && doneBytes === 0) return ['the server proves the digest'];
  const leftMs = bytesPerSecond ? ((totalBytes - doneBytes) / bytesPerSecond) * 1000 : 0;
  return [
    `${percentOf(doneBytes, totalBytes)} %`,
    `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`,
    ...(bytesPerSecond === null ? [] : [bytesPerSecond === 0 ? 'stalled' : `${formatBytes(bytesPerSecond)}/s`]),
    ...(leftMs > 0 ? [`${formatDuration(leftMs)} left`] : []),
  ];
}

function percentOf(doneBytes: number, totalBytes: number): number {
  return totalBytes === 0 ? 100 : Math.floor((doneBytes / totalBytes) * 100);
}

/** How far it is, as a line of a log. */
export function progressLine(overall: Overall): string {
  return `${PHASE_NAMES[overall.phase]}: ${figuresOf(overall).join(' · ')}`;
}

export interface BarStyle {
  readonly columns: number;
  /** Whether the terminal's font has more than ASCII. */
  readonly unicode: boolean;
  readonly paintDone: (text: string) => string;
  readonly paintRest: (text: string) => string;
}

const MOST_BAR_COLUMNS = 30;
const LEAST_BAR_COLUMNS = 8;

/**
 * How far it is, in one line that never wraps: on a narrow terminal the bar goes first, then the figures from the end. `prefix`
 * says what of, such as the number of files.
 */
export function progressBar(overall: Overall, prefix: string, style: BarStyle): string {
  const name = PHASE_NAMES[overall.phase].padEnd(LONGEST_PHASE_NAME);
  const head = prefix === '' ? name : `${prefix}  ${name}`;
  // Room for the "^C" that a terminal shows: it would wrap, and the line could not be cleared any more.
  const columns = style.columns - 3;
  const figures = figuresOf(overall);
  while (figures.length > 1 && head.length + 2 + figures.join('  ').length > columns) figures.pop();
  const text = figures.join('  ');
  const room = columns - head.length - text.length - 4;
  const bar = room < LEAST_BAR_COLUMNS ? '' : `${drawBar(overall, Math.min(room, MOST_BAR_COLUMNS), style)}  `;
  return bar === '' ? `${head}  ${text}`.slice(0, columns) : `${head}  ${bar}${text}`;
}

function drawBar({ doneBytes, totalBytes }: Overall, columns: number, style: BarStyle): string {
  const filled = totalBytes === 0 ? columns : Math.floor((doneBytes / totalBytes) * columns);
  const [done, rest] = style.unicode ? ['━', '─'] : ['#', '-'];
  return style.paintDone(done.repeat(filled)) + style.paintRest(rest.repeat(columns - filled));
}
