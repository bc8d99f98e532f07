const IEC_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** A size for people, in powers of 1024: `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // Compared after rounding, so that nothing reads "1024 KiB".
  while (Math.round(value) >= 1024 && unit < IEC_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${IEC_UNITS[unit]}`;
}

/** A duration for people: `0.8 s`, `42 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export interface Column<T> {
  readonly title: string;
  readonly text: (item: T) => string;
  readonly alignRight?: boolean;
}

/** Rows as aligned lines, two spaces between columns. Widths are those of these rows. */
export function formatTable<T>(columns: readonly Column<T>[], items: readonly T[], withTitles: boolean): string[] {
  const rows = items.map((item) => columns.map((column) => printable(column.text(item))));
  if (withTitles) rows.unshift(columns.map((column) => column.title));
  const widths = columns.map((_, index) => Math.max(0, ...rows.map((row) => row[index]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, index) =>
        columns[index]?.alignRight === true ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}

/** Text from a server without what would move a terminal's cursor. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '�');
}

const SIZE_FACTORS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** `16MiB`, `16M`, `16777216`; null where it is no size of at least a byte. */
export function parseSizeBytes(text: string): number | null {
  const match = /^(\d{1,12})\s*([kmg]?)(?:i?b)?$/.exec(text.trim().toLowerCase());
  const sizeBytes = Number(match?.[1] ?? 0) * (SIZE_FACTORS[match?.[2] ?? ''] ?? 0);
  return sizeBytes > 0 ? sizeBytes : null;
}
