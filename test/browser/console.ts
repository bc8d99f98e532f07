import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { inject } from 'vitest';
import { startChromium } from '../../scripts/console/browser.ts';
import type { TestServer } from '../support/test-server.ts';

/** Whether there is a browser: suites skip themselves where there is none. */
export const hasBrowser = (): boolean => inject('chromium') !== null;

export async function openBrowser(): Promise<Browser> {
  const file = inject('chromium');
  if (file === null) throw new Error('there is no browser');
  return await startChromium(file);
}

/** A page of the console, and what its browser complained about meanwhile. */
export interface ConsolePage extends Page {
  /** Errors of the page: exceptions, what its policy refused. Answers of 4xx are not among them. */
  complaints: string[];
}

/** Opens the console, signed out. */
export async function openConsole(
  browser: Browser,
  server: TestServer,
  options: BrowserContextOptions = {},
): Promise<ConsolePage> {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  // A test that waits longer than this on an idle page has failed.
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text());
  });
  await page.goto(`${server.url}/console`);
  return Object.assign(page, { complaints });
}

export async function signIn(page: Page, token: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Token' }).fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation', { name: 'Console' }).waitFor();
}

/** Opens the console and signs in. */
export async function enterConsole(
  browser: Browser,
  server: TestServer,
  token: string,
  options: BrowserContextOptions = {},
): Promise<ConsolePage> {
  const page = await openConsole(browser, server, options);
  await signIn(page, token);
  return page;
}

export async function goTo(page: Page, hash: string): Promise<void> {
  await page.evaluate((to) => {
    location.hash = to;
  }, hash);
}

/** Writes files to choose from; they are removed with the folder. */
export async function makeFiles(contents: Readonly<Record<string, Uint8Array>>): Promise<{
  path: (name: string) => string;
  remove: () => Promise<void>;
}> {
  const folder = await mkdtemp(join(tmpdir(), 'artifortress-browser-'));
  for (const [name, bytes] of Object.entries(contents)) await writeFile(join(folder, name), bytes);
  return { path: (name) => join(folder, name), remove: () => rm(folder, { recursive: true }) };
}

/** Drops files on the page's drop zone, as a person's drag does: by an event with a DataTransfer. */
export async function dropFiles(
  page: Page,
  repoKey: string,
  files: readonly { name: string; bytes: Uint8Array }[],
): Promise<void> {
  const transfer = await page.evaluateHandle(
    (given) => {
      const data = new DataTransfer();
      for (const { name, base64 } of given) {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        data.items.add(new File([bytes], name));
      }
      return data;
    },
    files.map(({ name, bytes }) => ({ name, base64: Buffer.from(bytes).toString('base64') })),
  );
  const zone = page.getByRole('group', { name: `Upload to ${repoKey}` });
  await zone.dispatchEvent('dragover', { dataTransfer: transfer });
  await zone.dispatchEvent('drop', { dataTransfer: transfer });
}
