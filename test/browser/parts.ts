import type { Page } from 'playwright-core';

/** Lets the first parts through, and holds the others back until they are released. */
export async function holdParts(page: Page, after: number) {
  const partOf = (url: string): string =>
    new URL(url).searchParams.get('partNumber') ?? new URL(url).searchParams.get('part') ?? '';
  const isPart = (url: URL): boolean => url.searchParams.has('partNumber') || url.searchParams.has('part');
  const answered: string[] = [];
  const first = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  let begun = 0;
  let isOpen = false;
  page.on('response', (response) => {
    if (response.request().method() !== 'PUT' || !response.ok()) return;
    answered.push(partOf(response.url()));
  });
  await page.route(isPart, async (route) => {
    if (route.request().method() !== 'PUT' || isOpen) return await route.continue();
    begun += 1;
    if (begun < after) return await route.continue();
    if (answered.length > 0 || after === 1) first.resolve();
    else void page.waitForResponse((response) => response.request().method() === 'PUT').then(() => first.resolve());
    await gate.promise;
    return await route.continue().catch(() => undefined);
  });
  return {
    /** Resolves once a part is held back and, unless it is the first, another has arrived. */
    held: first.promise,
    answered: () => [...answered],
    release: () => {
      isOpen = true;
      gate.resolve();
    },
  };
}
