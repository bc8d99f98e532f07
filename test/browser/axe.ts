import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';

declare global {
  interface Window {
    axe: { run(options: object): Promise<AxeResults> };
  }
}

/** What counts as serious: who needs it can't do their work. */
const SERIOUS = ['serious', 'critical'];

/** What axe finds on a page that is serious, each with the first element that it found it on. Runs past the page's own policy, as a tool does. */
export async function seriousFindings(page: Page): Promise<string[]> {
  const file = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  await page.evaluate(await readFile(file, 'utf8'));
  const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ['violations'] }));
  return violations
    .filter(({ impact }) => SERIOUS.includes(impact ?? ''))
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`);
}
