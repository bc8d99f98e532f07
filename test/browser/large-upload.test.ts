import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { enterConsole, goTo, hasBrowser, openBrowser } from './console.ts';
import { watchMemory } from './memory.ts';

const MIB = 1024 ** 2;
const FILE_BYTES = 1024 * MIB;
/** A seventh of the file: what four parts in flight, a hashing worker and their garbage may take at any time. */
const MOST_GROWTH_BYTES = 150 * MIB;

describe.skipIf(!hasBrowser())('a dropped file of 1 GiB', () => {
  let server: TestServer;
  let browser: Browser;
  let folder: string;

  beforeAll(async () => {
    server = await startTestServer();
    await server.createRepository('apps');
    browser = await openBrowser();
    folder = await mkdtemp(join(tmpdir(), 'artifortress-browser-'));
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await rm(folder, { recursive: true });
  });

  test('is hashed, sent and committed, and the memory of the browser stays flat', { timeout: 300_000 }, async () => {
    const file = join(folder, 'image.iso');
    await writeLargeFile(file);
    const page = await enterConsole(browser, server, server.adminToken);
    await goTo(page, '#/repos/apps');
    await page.getByText('Drop files here').waitFor();
    const { heapBytes, heldBytes } = await watchMemory(browser, page, async () => {
      await dropFromDisk(page, file);
      await page.getByText('Committed.').waitFor({ timeout: 240_000 });
    });
    expect(heapBytes).toBeLessThan(MOST_GROWTH_BYTES);
    expect(heldBytes).toBeLessThan(MOST_GROWTH_BYTES);
    const digest = await digestOf(createReadStream(file));
    const headers = { authorization: `Bearer ${server.adminToken}` };
    const { body, status } = await fetch(`${server.url}/v1/repos/apps/blobs/${digest}`, { headers });
    expect(status).toBe(200);
    expect(body === null ? null : await digestOf(piecesOf(body))).toBe(digest);
    expect(page.complaints).toEqual([]);
    await page.context().close();
  });
});

/** Mostly holes, with something of its own in each MiB, so that no two parts are alike. */
async function writeLargeFile(path: string): Promise<void> {
  await using file = await open(path, 'w');
  for (let at = 0; at < FILE_BYTES; at += MIB) await file.write(randomBytes(1024), 0, 1024, at);
  await file.truncate(FILE_BYTES);
}

/** A drag of the browser's own, as from a file manager: unlike an event that a script makes, it brings a file on the disk. */
async function dropFromDisk(page: Page, path: string): Promise<void> {
  const zone = await page.getByRole('group', { name: 'Upload to apps' }).boundingBox();
  if (zone === null) throw new Error('there is no drop zone');
  const at = { x: zone.x + zone.width / 2, y: zone.y + zone.height / 2 };
  const session = await page.context().newCDPSession(page);
  const COPY = 1;
  const data = { items: [], files: [path], dragOperationsMask: COPY };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await session.send('Input.dispatchDragEvent', { type, ...at, data });
  await session.detach();
}

/** The types of browsers, under which this is checked, do not say that their streams can be iterated. */
async function* piecesOf(stream: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  const reader = stream.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
}

async function digestOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of bytes) hash.update(chunk);
  return hash.digest('hex');
}
