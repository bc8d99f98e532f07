import type { Page } from './types.ts';

/** Every item of a list, asking for pages as they are needed. Ends early where the consumer stops. */
export async function* itemsOf<T>(readPage: (cursor: string | undefined) => Promise<Page<T>>): AsyncGenerator<T> {
  let cursor: string | undefined;
  do {
    const page = await readPage(cursor);
    yield* page.items;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}
