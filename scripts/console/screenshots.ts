import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { loadConfig } from '../../src/kernel/config.ts';
import { createLogger } from '../../src/kernel/log.ts';
import { startServer } from '../../src/main.ts';
import { findChromium, startChromium } from './browser.ts';
import { fillShowcase } from './showcase.ts';

// Takes pictures of every page of the console, of a server that it fills for the purpose: `npm run console:screenshots`.

const LOOKS: Readonly<Record<string, BrowserContextOptions>> = {
  light: { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  dark: { colorScheme: 'dark', viewport: { width: 1280, height: 800 } },
  phone: { colorScheme: 'light', viewport: { width: 390, height: 844 }, deviceScaleFactor: 1.5, isMobile: true },
};

interface Shot {
  name: string;
  hash: string;
  prepare?: (page: Page) => Promise<void>;
}

const SHOTS: readonly Shot[] = [
  { name: 'repositories', hash: '#/repos' },
  { name: 'blobs', hash: '#/repos/apps', prepare: (page) => upload(page) },
  { name: 'empty-repository', hash: '#/repos/scratch' },
  { name: 'blob', hash: '#/repos/apps/blobs', prepare: openBlob },
  { name: 'sessions', hash: '#/repos/apps/uploads' },
  { name: 'access', hash: '#/repos/apps/access' },
  { name: 'tokens', hash: '#/tokens' },
  {
    name: 'issue-token',
    hash: '#/tokens',
    prepare: async (page) => page.getByRole('button', { name: 'Issue a token' }).click(),
  },
  { name: 'audit', hash: '#/audit', prepare: async () => sleep(2_500) },
  { name: 'health', hash: '#/health', prepare: (page) => watchHealth(page) },
  { name: 'error', hash: '#/repos/none' },
];

async function upload(page: Page): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'artifortress-showcase-'));
  const [large, small] = [join(folder, 'artifortress-1.4.0.tar.gz'), join(folder, 'release-notes.md')] as const;
  const files = [large, small];
  await writeFile(large, Buffer.alloc(400 * 1024 ** 2, 'a'));
  await writeFile(small, randomBytes(3_210));
  await page.getByLabel('Files to upload to apps').setInputFiles(files);
  await page.getByRole('button', { name: 'Pause artifortress-1.4.0.tar.gz' }).click({ timeout: 5_000 });
  await page.getByText('Committed.').waitFor();
  await rm(folder, { recursive: true });
}

async function openBlob(page: Page): Promise<void> {
  await page.locator('.table .digest').first().click();
  await page.getByRole('button', { name: 'Show the receipt' }).click();
  await page.getByText('Proved', { exact: true }).waitFor();
}

const HEALTH_SECONDS = Number(process.env.HEALTH_SECONDS ?? 32);

async function watchHealth(page: Page): Promise<void> {
  const until = Date.now() + HEALTH_SECONDS * 1000;
  while (Date.now() < until) {
    const calls = Math.round(6 + 5 * Math.sin(Date.now() / 4_000));
    await page.evaluate(async (count) => {
      for (let index = 0; index < count; index += 1) await fetch(index % 5 === 4 ? '/v1/none' : '/health/live');
    }, calls);
    await sleep(400);
  }
}

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(import.meta.dirname, '..', '..', 'docs', 'images') },
    only: { type: 'string' },
    look: { type: 'string' },
  },
});
const executable = findChromium();
if (executable === undefined) throw new Error('there is no Chromium: apt-get install chromium');

await using undo = new AsyncDisposableStack();
const dataDirectory = await mkdtemp(join(tmpdir(), 'artifortress-showcase-'));
undo.defer(() => rm(dataDirectory, { recursive: true, force: true }));
const settings = { ...loadConfig({}).settings, port: 0, dataDirectory, bootstrapToken: 'bootstrap-of-the-showcase' };
const server = await startServer({ settings, log: createLogger('fatal') });
undo.defer(() => server.stop());
const { adminToken } = await fillShowcase(server.url, settings.bootstrapToken);
const browser = await startChromium(executable);
undo.defer(() => browser.close());
await mkdir(values.out, { recursive: true });

for (const [look, options] of Object.entries(LOOKS)) {
  if (values.look !== undefined && values.look !== look) continue;
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      process.stderr.write(`${look}: ${message.text()}\n`);
  });
  const picture = (name: string) =>
    page.screenshot({ path: join(values.out, `console-${name}-${look}.png`), animations: 'disabled' });
  await page.goto(`${server.url}/console`);
  await page.getByRole('textbox', { name: 'Token' }).waitFor();
  await picture('sign-in');
  await page.getByRole('textbox', { name: 'Token' }).fill(adminToken);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Repositories' }).waitFor();
  for (const { name, hash, prepare } of SHOTS) {
    if (values.only !== undefined && values.only !== name) continue;
    await page.goto(`${server.url}/console${hash}`);
    await page.waitForLoadState('networkidle');
    // What was announced is no part of the next picture.
    await page.locator('.toast').first().waitFor({ state: 'detached' });
    await sleep(300);
    await prepare?.(page);
    await sleep(300);
    await picture(name);
    const cancel = page.getByRole('button', { name: /^Cancel artifortress/ });
    if (await cancel.isVisible()) await cancel.click();
    const dismiss = page.getByRole('button', { name: /off the list$/ });
    if (await dismiss.isVisible()) await dismiss.click();
    const close = page.getByRole('button', { name: 'Close', exact: true });
    if (await close.isVisible()) await close.click();
  }
  await context.close();
}
