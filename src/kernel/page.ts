import { z } from 'zod';
import { AppError } from './errors.ts';

const DEFAULT_PAGE_SIZE = 100;
const MAXIMUM_PAGE_SIZE = 500;

/** Digits alone: what else JavaScript takes for a number (0x10, 1e2) is no number in a query. */
function isLimit(text: unknown): boolean {
  return typeof text === 'string' && /^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= MAXIMUM_PAGE_SIZE;
}

/** The query parameters that every list takes. */
export const pageQuery = {
  limit: z
    .unknown()
    .refine(isLimit, `must be a whole number from 1 to ${MAXIMUM_PAGE_SIZE}`)
    .transform(Number)
    .default(DEFAULT_PAGE_SIZE)
    // As a number to who reads the document, though it comes as text.
    .meta({ type: 'integer', minimum: 1, maximum: MAXIMUM_PAGE_SIZE, default: DEFAULT_PAGE_SIZE })
    .describe(`How many items at the most, 1 to ${MAXIMUM_PAGE_SIZE}.`),
  cursor: z.string().min(1).max(512).optional().describe('The nextCursor of the page before, unread.'),
};

export interface PageRequest {
  limit: number;
  cursor?: string | undefined;
}

export interface Page<Item> {
  items: Item[];
  nextCursor: string | null;
}

/** The answer of a list route. */
export function pageSchema<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

/** Cuts a keyset page out of `rows`, which the query read with a limit of one more than the page holds. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => string | number,
  toItem: (row: Row) => Item,
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return { items: shown.map(toItem), nextCursor: last === undefined ? null : encodeCursor(String(keyOf(last))) };
}

/** A keyset position as a cursor, which clients hand back unread. */
export function encodeCursor(key: string): string {
  return Buffer.from(key, 'utf8').toString('base64url');
}

/**
 * The keyset position that a cursor stands for.
 * @throws AppError `bad_request` for a cursor that no page of ours gave out.
 */
export function decodeCursor(cursor: string | undefined, shape: RegExp): string | undefined {
  if (cursor === undefined) return undefined;
  const key = Buffer.from(cursor, 'base64url').toString('utf8');
  if (!shape.test(key) || encodeCursor(key) !== cursor) {
    throw new AppError('bad_request', 'The cursor is malformed: pass the nextCursor of the page before, unchanged.');
  }
  return key;
}

/** Keys of the two kinds that our tables page by. */
export const UUID_KEY = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
export const ROW_ID_KEY = /^\d{1,15}$/;
