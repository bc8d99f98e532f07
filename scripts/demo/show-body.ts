const BYTES_SHOWN = 12;
const LINES_SHOWN = 3;
const INDENT = '  ';

/** A body for a person's eyes: JSON laid out in this many columns, lines cut short after some, bytes told. */
export function showBody(body: Buffer, contentType: string, columns: number): string {
  if (contentType.startsWith('application/json')) return showJson(body.toString('utf8'), columns);
  if (/ndjson|^text\/|xml/.test(contentType)) return showLines(body.toString('utf8'));
  const start = [...body.subarray(0, BYTES_SHOWN)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return `(${body.length.toLocaleString('en')} bytes: ${start}${body.length > BYTES_SHOWN ? ' …' : ''})`;
}

function showJson(text: string, columns: number): string {
  try {
    return layOut(JSON.parse(text), columns, '');
  } catch {
    return text;
  }
}

/** What fits on a line stands on it; what does not is opened, level by level. */
function layOut(value: unknown, columns: number, indent: string): string {
  const flat = JSON.stringify(value);
  if (typeof value !== 'object' || value === null || indent.length + flat.length < columns) return flat;
  const inner = indent + INDENT;
  const [open, close, items] = Array.isArray(value)
    ? ['[', ']', value.map((item: unknown) => layOut(item, columns, inner))]
    : [
        '{',
        '}',
        Object.entries(value).map(([name, item]) => `"${name}": ${layOut(item, columns - name.length - 4, inner)}`),
      ];
  return `${open}\n${items.map((item) => inner + item).join(',\n')}\n${indent}${close}`;
}

function showLines(text: string): string {
  const lines = text.trimEnd().split('\n');
  const shown = lines.slice(0, LINES_SHOWN);
  const left = lines.length - shown.length;
  return [...shown, ...(left > 0 ? [`(and ${left} lines more)`] : [])].join('\n');
}
