import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PutBucketCorsCommand, S3Client } from '@aws-sdk/client-s3';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { TestS3Server } from '../support/s3-global-setup.ts';
import { s3Settings, startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes } from '../support/uploading.ts';
import { type ConsolePage, dropFiles, enterConsole, hasBrowser, makeFiles, openBrowser } from './console.ts';
import { holdParts } from './parts.ts';

const MIB = 1024 ** 2;

/** Uploads by hand, on each store. The URLs of S3 servers are of another origin: there CORS and the page's policy are real. */
describe.skipIf(!hasBrowser()).each(['folder', 'minio', 'versitygw'] as const)('uploads to the store "%s"', (store) => {
  const isSkipped = store !== 'folder' && inject('s3Servers') === null;
  /** What differs between the S3 servers is what their browsers are let do: two files show that, the rest is for one of them. */
  const testWhole = store === 'versitygw' ? () => {} : test.skipIf(isSkipped);
  let server: TestServer;
  let browser: Browser;

  beforeAll(async () => {
    if (isSkipped) return;
    const s3 = store === 'folder' ? undefined : inject('s3Servers')?.[store];
    server = await startTestServer(s3 === undefined ? {} : { settings: s3Settings(s3) });
    // MinIO allows every page by itself.
    if (store === 'versitygw' && s3 !== undefined) await allowPagesOf(server.url, s3);
    await server.createRepository('apps');
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const enter = async (): Promise<ConsolePage> => {
    const page = await enterConsole(browser, server, server.adminToken);
    await page.goto(`${server.url}/console#/repos/apps`);
    await page.getByText('Drop files here').waitFor();
    return page;
  };
  const choose = (page: ConsolePage, ...paths: string[]) =>
    page.getByLabel('Files to upload to apps').setInputFiles(paths);
  const isHeld = async (bytes: Uint8Array): Promise<boolean> => {
    const reply = await server.request('GET', `/v1/repos/apps/blobs/${sha256(bytes)}`);
    return reply.status === 200 && sha256(reply.bytes) === sha256(bytes);
  };
  const sessionsOf = async (bytes: Uint8Array) => {
    const { json } = await server.request('GET', '/v1/repos/apps/uploads?limit=500');
    return json.items.filter((item: { expectedDigest: string }) => item.expectedDigest === sha256(bytes));
  };

  test.skipIf(isSkipped)('a chosen file, and an empty one, arrive byte for byte and are listed', async () => {
    const bytes = uniqueBytes(300_000);
    const files = await makeFiles({ 'tool.bin': bytes, 'empty.txt': new Uint8Array() });
    const page = await enter();
    await choose(page, files.path('tool.bin'), files.path('empty.txt'));
    await page.getByText('All uploads are done').waitFor();
    expect(await isHeld(bytes)).toBe(true);
    await page
      .getByRole('cell', { name: sha256(bytes).slice(0, 12) })
      .first()
      .waitFor();
    await page
      .getByRole('cell', { name: sha256(new Uint8Array()).slice(0, 12) })
      .first()
      .waitFor();
    expect(page.complaints).toEqual([]);
    await page.context().close();
    await files.remove();
  });

  test.skipIf(isSkipped)('dropped files arrive, and bytes that are there already are not sent again', async () => {
    const [first, second] = [uniqueBytes(5000), uniqueBytes(70_000)];
    const page = await enter();
    await dropFiles(page, 'apps', [
      { name: 'first.bin', bytes: first },
      { name: 'second.bin', bytes: second },
    ]);
    await page.getByText('All uploads are done').waitFor();
    expect([await isHeld(first), await isHeld(second)]).toEqual([true, true]);
    await dropFiles(page, 'apps', [{ name: 'again.bin', bytes: first }]);
    await page.getByText('no byte sent').waitFor();
    expect(page.complaints).toEqual([]);
    await page.context().close();
  });

  testWhole('a pause stops the bytes; going on sends only the parts that the store lacks', async () => {
    const bytes = uniqueBytes(50 * MIB);
    const files = await makeFiles({ 'large.bin': bytes });
    const page = await enter();
    const parts = await holdParts(page, 3);
    await choose(page, files.path('large.bin'));
    await parts.held;
    await page.getByRole('button', { name: 'Pause large.bin' }).click();
    await page.getByText('Paused').waitFor();
    const sentBefore = parts.answered();
    expect(sentBefore.length).toBeGreaterThan(0);
    parts.release();
    await page.getByRole('button', { name: 'Resume large.bin' }).click();
    await page.getByText('Committed.').waitFor({ timeout: 60_000 });
    expect(await isHeld(bytes)).toBe(true);
    const sentAfter = parts.answered().slice(sentBefore.length);
    expect(sentAfter.filter((part) => sentBefore.includes(part))).toEqual([]);
    expect(await sessionsOf(bytes)).toMatchObject([{ state: 'committed' }]);
    await page.context().close();
    await files.remove();
  });

  testWhole('a reload in the middle is gone on with, by the same file, in the same session', async () => {
    const bytes = uniqueBytes(50 * MIB);
    const files = await makeFiles({ 'large.bin': bytes, 'other.bin': uniqueBytes(1000) });
    const page = await enter();
    const parts = await holdParts(page, 3);
    await choose(page, files.path('large.bin'));
    await parts.held;
    const sentBefore = parts.answered();
    page.on('dialog', (dialog) => void dialog.accept());
    await page.reload();
    parts.release();
    await page.getByText('Interrupted').waitFor();
    const again = page.getByLabel('The file large.bin again');
    await again.setInputFiles(files.path('other.bin'));
    await page.getByText('has another length').waitFor();
    await again.setInputFiles(files.path('large.bin'));
    await page.getByText('Committed.').waitFor({ timeout: 60_000 });
    expect(await isHeld(bytes)).toBe(true);
    const sentAfter = parts.answered().slice(sentBefore.length);
    expect(sentAfter.filter((part) => sentBefore.includes(part))).toEqual([]);
    expect(await sessionsOf(bytes)).toMatchObject([{ state: 'committed' }]);
    await page.context().close();
    await files.remove();
  });

  testWhole('a cancelled one leaves an aborted session and no blob', async () => {
    const bytes = uniqueBytes(50 * MIB);
    const files = await makeFiles({ 'unwanted.bin': bytes });
    const page = await enter();
    const parts = await holdParts(page, 1);
    await choose(page, files.path('unwanted.bin'));
    await parts.held;
    await page.getByRole('button', { name: 'Cancel unwanted.bin' }).click();
    await expect.poll(async () => (await sessionsOf(bytes))[0]?.state).toBe('aborted');
    expect(await page.getByText('unwanted.bin').count()).toBe(0);
    parts.release();
    await page.context().close();
    await files.remove();
  });
});

/** Gives the bucket the rule that the documentation tells its readers to, for pages of this origin. */
async function allowPagesOf(origin: string, { endpoint, region, bucket, ...credentials }: TestS3Server): Promise<void> {
  const page = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'console.md'), 'utf8');
  const rule = /```json\n([^`]*)```/.exec(page)?.[1]?.replace('https://artifacts.example.com', origin) ?? '';
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials });
  await client.send(new PutBucketCorsCommand({ Bucket: bucket, CORSConfiguration: JSON.parse(rule) }));
  client.destroy();
}
