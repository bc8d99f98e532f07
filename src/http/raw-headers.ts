/** How often a header came. Node keeps only the first of some (`Host`, `Authorization`), where others may keep the last. */
export function countOf(rawHeaders: readonly string[], lowercaseName: string): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === lowercaseName.length && name.toLowerCase() === lowercaseName) count += 1;
  }
  return count;
}
