/** What the larger databases are held against. */
export const LEAST_ROWS = 10_000;
const GROWTH_FACTOR = 10;

/** The numbers of blobs, by powers of ten up to the largest. */
export function sizesUpTo(rows: number): number[] {
  const sizes: number[] = [];
  for (let size = LEAST_ROWS; size < rows; size *= GROWTH_FACTOR) sizes.push(size);
  return [...sizes, rows];
}
