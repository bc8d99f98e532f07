const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Bytes for people: three digits or so, in powers of 1024. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ''}`;
}

export function formatCount(count: number): string {
  return count.toLocaleString('en');
}

/** `one` or `many` behind its number. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

const STEPS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** How long ago, or how far ahead: `3 hours ago`, `in 2 days`. */
export function formatRelative(atUtc: string, nowMs: number): string {
  const seconds = (Date.parse(atUtc) - nowMs) / 1000;
  const format = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return format.format(Math.round(seconds / length), unit);
  }
  return Math.abs(seconds) < 10 ? 'just now' : format.format(Math.round(seconds), 'second');
}

/** The moment itself, in the reader's own time zone, which it names. */
export function formatMoment(atUtc: string): string {
  return new Date(atUtc).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'long' });
}

/** A duration that is still to come: `42 s`, `3 min 10 s`, `2 h 5 min`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A UUID or a digest by its beginning and its end, since ids of one time begin alike; any other text as it is. */
export function shortId(id: string): string {
  return /^[0-9a-f-]{36,}$/.test(id) ? `${id.slice(0, 8)}…${id.slice(-6)}` : id;
}

/** The beginning of a digest: enough to tell one from the next. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 12);
}
