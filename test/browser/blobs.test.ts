import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { s3Settings, startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes, upload } from '../support/uploading.ts';
import { enterConsole, goTo, hasBrowser, openBrowser } from './console.ts';

describe.skipIf(!hasBrowser())('the blobs of a repository', () => {
  let server: TestServer;
  let browser: Browser;
  const bytes = uniqueBytes(2_500_000);
  const digest = sha256(bytes);

  beforeAll(async () => {
    server = await startTestServer();
    await server.createRepository('apps');
    for (const content of [uniqueBytes(10), uniqueBytes(20), bytes]) await upload(server, 'apps', content);
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser.close();
    await server.close();
  });

  const enter = async (hash: string) => {
    const page = await enterConsole(browser, server, server.adminToken);
    await goTo(page, hash);
    return page;
  };

  test('are counted and summed up in the list of repositories', async () => {
    const page = await enter('#/repos');
    const row = page.getByRole('row', { name: /apps/ });
    await row.waitFor();
    expect((await row.getByRole('cell').allTextContents()).slice(1, 4)).toEqual(['local', '3', '2.38 MiB']);
    await page.context().close();
  });

  test('are found by the first characters of a digest, which stay in the address', async () => {
    const page = await enter('#/repos/apps');
    await page.getByRole('table').waitFor();
    const field = page.getByLabel('Find by digest');
    await field.fill(`sha256:${digest.slice(0, 10).toUpperCase()}`);
    await expect.poll(() => page.getByRole('row').count()).toBe(2);
    expect(await page.getByRole('cell').first().textContent()).toContain(digest.slice(0, 12));
    expect(page.url()).toContain(`prefix=${digest.slice(0, 10)}`);
    await field.fill('f'.repeat(64));
    await page.getByRole('heading', { name: /No digest here starts with/ }).waitFor();
    await field.fill('no digest');
    await page.getByText('A digest is made of').waitFor();
    await page.context().close();
  });

  test('tell what they are, with a receipt and with commands that hold no token', async () => {
    const page = await enter(`#/repos/apps/blobs/${digest}`);
    await page.getByText('2.38 MiB (2,500,000 bytes)').waitFor();
    await page.getByRole('button', { name: 'Show the receipt' }).click();
    await page.getByText('by the store, as the bytes came in').waitFor();
    const [saved] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save it' }).click(),
    ]);
    expect(JSON.parse(await readFile(await saved.path(), 'utf8'))).toMatchObject({
      payloadType: 'application/vnd.in-toto+json',
    });
    const commands = await page.locator('.command').allTextContents();
    expect(commands.join()).toContain(`/v1/repos/apps/blobs/${digest}`);
    expect(commands.join()).not.toContain(server.adminToken);
    await page.context().close();
  });

  test('a damaged download is refused, and leaves no file', async () => {
    const page = await enter(`#/repos/apps/blobs/${digest}`);
    await withoutSavePicker(page);
    await page.route(`**/v1/repos/apps/blobs/${digest}`, (route) =>
      route.fulfill({ status: 200, body: Buffer.alloc(bytes.length, 'x') }),
    );
    let saved = 0;
    page.on('download', () => (saved += 1));
    await page.getByRole('button', { name: 'Download', exact: true }).click();
    await page.getByText('What came is not what was asked for').waitFor();
    expect(saved).toBe(0);
    await page.context().close();
  });

  test('are gone from the list once they are deleted, after a question', async () => {
    const doomed = uniqueBytes(33);
    await upload(server, 'apps', doomed);
    const short = sha256(doomed).slice(0, 12);
    const page = await enter('#/repos/apps');
    await page.getByRole('button', { name: `Delete ${short}` }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: `Delete ${short}` }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
    await expect.poll(() => page.getByRole('cell', { name: short }).count()).toBe(0);
    expect((await server.request('HEAD', `/v1/repos/apps/blobs/${sha256(doomed)}`)).status).toBe(404);
    await page.context().close();
  });

  describe.each(['folder', 'minio by redirect'] as const)('downloaded from the store "%s"', (store) => {
    const isSkipped = store !== 'folder' && inject('s3Servers') === null;
    let source: TestServer;

    beforeAll(async () => {
      if (isSkipped) return;
      const servers = inject('s3Servers');
      const settings =
        servers === null || store === 'folder' ? {} : { ...s3Settings(servers.minio), downloadRedirect: true };
      source = await startTestServer({ settings });
      await source.createRepository('apps');
      await upload(source, 'apps', bytes);
    });

    afterAll(() => source?.close());

    const open = async () => {
      const page = await enterConsole(browser, source, source.adminToken);
      await goTo(page, `#/repos/apps/blobs/${digest}`);
      return page;
    };

    test.skipIf(isSkipped)(
      'come by way of the private storage of a browser that lets no page write to the disk',
      async () => {
        const page = await open();
        await withoutSavePicker(page);
        const [saved] = await Promise.all([
          page.waitForEvent('download'),
          page.getByRole('button', { name: 'Download', exact: true }).click(),
        ]);
        expect(saved.suggestedFilename()).toBe(digest);
        expect(sha256(await readFile(await saved.path()))).toBe(digest);
        expect(page.complaints).toEqual([]);
        await page.context().close();
      },
    );

    test.skipIf(isSkipped)('are written to the file that the person has chosen, piece by piece', async () => {
      const page = await open();
      await chooseFileOf(page, 'chosen');
      await page.getByRole('button', { name: 'Download', exact: true }).click();
      await page.getByText('is what its digest says').waitFor();
      expect(await digestOf(page, 'chosen')).toBe(digest);
      await page.context().close();
    });
  });
});

/** As in browsers that do not have it. */
async function withoutSavePicker(page: Page): Promise<void> {
  await page.evaluate(() => Reflect.deleteProperty(window, 'showSaveFilePicker'));
}

/** In place of the dialog, which no test can reach: a real file of the page's own, with a real handle. */
async function chooseFileOf(page: Page, name: string): Promise<void> {
  await page.evaluate((wanted) => {
    Object.assign(window, {
      showSaveFilePicker: async () => (await navigator.storage.getDirectory()).getFileHandle(wanted, { create: true }),
    });
  }, name);
}

async function digestOf(page: Page, name: string): Promise<string> {
  return await page.evaluate(async (wanted) => {
    const file = await (await (await navigator.storage.getDirectory()).getFileHandle(wanted)).getFile();
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()));
    return [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  }, name);
}
