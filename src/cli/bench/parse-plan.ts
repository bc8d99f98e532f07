import { type Mix, OPERATIONS, type Operation, type Sizes } from './tasks.ts';

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
const LARGEST_BYTES = 64 * 1024 ** 3;

/** Parses `put=1,download=4`; a name alone has the weight 1. Throws an error that says what is wrong. */
export function parseMix(text: string): Mix {
  return text.split(',').map((entry) => {
    const { name, weight } = parseWeight(entry, '=');
    return { value: parseOperation(name), weight };
  });
}

/** Parses `256k` or `64k:9,8m:1`: sizes with weights. Throws an error that says what is wrong. */
export function parseSizes(text: string): Sizes {
  return text.split(',').map((entry) => {
    const { name, weight } = parseWeight(entry, ':');
    return { value: parseSize(name), weight };
  });
}

/** Parses a size in bytes: `100`, `256k`, `8m`, `1g`, `256KiB`. */
function parseSize(text: string): number {
  const match = /^(\d+)([kmg]?)(?:i?b)?$/.exec(text.toLowerCase());
  const bytes = Number(match?.[1]) * (UNITS[match?.[2] ?? ''] ?? Number.NaN);
  if (bytes >= 1 && bytes <= LARGEST_BYTES) return bytes;
  throw new Error(`"${text}" is not a size: give one like 256k, 8m or 1g`);
}

function parseOperation(text: string): Operation {
  const known = OPERATIONS.find((operation) => operation === text);
  if (known !== undefined) return known;
  throw new Error(`"${text}" is not an operation: there are ${OPERATIONS.join(', ')}`);
}

function parseWeight(entry: string, separator: string): { name: string; weight: number } {
  const [name = '', text = '1', ...more] = entry.trim().split(separator);
  const weight = Number(text);
  if (more.length === 0 && weight > 0 && Number.isFinite(weight)) return { name, weight };
  throw new Error(`"${entry}" has no weight above 0 behind "${separator}"`);
}
