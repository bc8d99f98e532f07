import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes } from '../support/uploading.ts';
import { type ConsolePage, enterConsole, goTo, hasBrowser, makeFiles, openBrowser, signIn } from './console.ts';
import { holdParts } from './parts.ts';

const MIB = 1024 ** 2;

/** What cuts an upload off from outside, with parts in flight. */
describe.skipIf(!hasBrowser())('an upload goes on, without sending again what has arrived, after', () => {
  let server: TestServer;
  let browser: Browser;

  beforeAll(async () => {
    server = await startTestServer();
    await server.createRepository('apps');
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  /** Signs in as a writer, and begins to upload as many parts of 16 MiB, all but the first of which are held back. */
  const begin = async (partCount: number, token: string) => {
    const bytes = uniqueBytes(partCount * 16 * MIB);
    const files = await makeFiles({ 'large.bin': bytes });
    const page = await enterConsole(browser, server, token);
    await goTo(page, '#/repos/apps');
    const parts = await holdParts(page, 3);
    await page.getByLabel('Files to upload to apps').setInputFiles(files.path('large.bin'));
    await parts.held;
    const finish = async (arrived: readonly string[]): Promise<void> => {
      await page.getByText('Committed.').waitFor({ timeout: 60_000 });
      expect(await page.getByRole('region', { name: 'Uploads' }).getByRole('alert').count()).toBe(0);
      const sentAfter = parts.answered().slice(arrived.length);
      expect(sentAfter.filter((part) => arrived.includes(part))).toEqual([]);
      expect(await sessionsOf(bytes)).toMatchObject([{ state: 'committed', expectedLength: bytes.length }]);
      expect(page.complaints).toEqual([]);
      await page.context().close();
      await files.remove();
    };
    return { page, parts, finish };
  };
  const writerToken = (ttlMinutes = 60) => server.issueToken('writer', ['repo:apps:write'], ttlMinutes);
  const sessionsOf = async (bytes: Uint8Array) => {
    const { json } = await server.request('GET', '/v1/repos/apps/uploads?limit=500');
    return json.items.filter((item: { expectedDigest: string }) => item.expectedDigest === sha256(bytes));
  };
  const signInPageSaying = async (page: ConsolePage, why: string): Promise<void> => {
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
    expect(await page.locator('.notice-warning').textContent()).toContain(why);
  };

  test('its token was revoked, and another one signed in; until then no byte leaves the page', async () => {
    const token = await writerToken();
    const { page, parts, finish } = await begin(4, token);
    const { json } = await server.request('GET', '/v1/auth/whoami', { token });
    await server.request('POST', '/v1/auth/pats/revoke', { json: { tokenId: json.tokenId } });
    // Whatever the page asks for next is refused.
    await goTo(page, '#/repos');
    await signInPageSaying(page, 'revoked');
    const arrived = parts.answered();
    expect(arrived.length).toBeGreaterThan(0);
    parts.release();
    await page.waitForTimeout(1000);
    expect(parts.answered()).toEqual(arrived);
    await signIn(page, await writerToken());
    await finish(arrived);
  });

  test('its token expired, which the upload itself is the first to hear', async () => {
    // More than the eight parts that URLs are asked for at once: the ninth needs the token.
    const { page, parts, finish } = await begin(12, await writerToken(5));
    server.clock.advance({ seconds: 6 * 60 });
    parts.release();
    await signInPageSaying(page, 'expired');
    const arrived = parts.answered();
    await signIn(page, await writerToken());
    await finish(arrived);
  });

  test('its person signed out and in again, as do those that waited for their turn', async () => {
    const files = await makeFiles({ 'a.bin': uniqueBytes(), 'b.bin': uniqueBytes(), 'c.bin': uniqueBytes() });
    const page = await enterConsole(browser, server, await writerToken());
    await goTo(page, '#/repos/apps');
    const parts = await holdParts(page, 1);
    const paths = ['a.bin', 'b.bin', 'c.bin'].map(files.path);
    await page.getByLabel('Files to upload to apps').setInputFiles(paths);
    await parts.held;
    await page.getByText('Waiting for its turn').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
    parts.release();
    await signIn(page, await writerToken());
    await page.getByText('All uploads are done').waitFor();
    await page.context().close();
    await files.remove();
  });

  test('the server was stopped and started again; meanwhile the page tells what it waits for', async () => {
    const { page, parts, finish } = await begin(4, await writerToken());
    const { host, port } = new URL(server.url);
    await server.running.stop();
    const arrived = parts.answered();
    expect(arrived.length).toBeGreaterThan(0);
    parts.release();
    const alert = page.getByRole('region', { name: 'Uploads' }).getByRole('alert');
    await alert.waitFor();
    expect(await alert.textContent()).toMatch(`No answer from ${host}`);
    expect(await alert.textContent()).toContain('tried again by itself');
    const { database, dataDirectory, clock } = server;
    const again = await startTestServer({ database, dataDirectory, clock, settings: { port: Number(port) } });
    const stopped = server;
    const close = async (): Promise<void> => {
      await again.close();
      await stopped.close();
    };
    server = { ...again, close };
    await finish(arrived);
  });
});
