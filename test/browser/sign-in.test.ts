import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { enterConsole, goTo, hasBrowser, openBrowser, openConsole, signIn } from './console.ts';

describe.skipIf(!hasBrowser())('the sign-in page', () => {
  let server: TestServer;
  let browser: Browser;

  beforeAll(async () => {
    server = await startTestServer();
    await server.createRepository('apps');
    await server.createRepository('secret');
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser.close();
    await server.close();
  });

  test('lets a good token in, and keeps it through a reload of the tab', async () => {
    const page = await enterConsole(browser, server, server.adminToken);
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Repositories' }).waitFor();
    await page.context().close();
  });

  test('refuses an unknown token, says so, and tells the request id to quote', async () => {
    const page = await openConsole(browser, server);
    await page.getByRole('textbox', { name: 'Token' }).fill('aft_nobody');
    await page.getByRole('button', { name: 'Sign in' }).click();
    const alert = page.getByRole('alert');
    await alert.waitFor();
    expect(await alert.textContent()).toMatch(/not known here.*Request id [0-9a-f-]{36}/);
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
    await page.context().close();
  });

  test('comes back, and says why, when the token is revoked in the middle', async () => {
    const token = await server.issueToken('leaver', ['repo:apps:read']);
    const page = await enterConsole(browser, server, token);
    const { json } = await server.request('GET', '/v1/auth/whoami', { token });
    await server.request('POST', '/v1/auth/pats/revoke', { json: { tokenId: json.tokenId } });
    await goTo(page, '#/repos/apps');
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
    expect(await page.locator('.notice-warning').textContent()).toContain('revoked');
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
    await signIn(page, await server.issueToken('leaver', ['repo:apps:read']));
    await page.getByRole('heading', { level: 1, name: 'apps' }).waitFor();
    await page.context().close();
  });

  test('is where signing out leads, and forgets the token', async () => {
    const page = await enterConsole(browser, server, server.adminToken);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
    await page.context().close();
  });

  test('never lets the token into an address, a cookie, localStorage or IndexedDB', async () => {
    const addresses: string[] = [];
    const page = await openConsole(browser, server);
    page.on('request', (request) => addresses.push(request.url(), request.headers().referer ?? ''));
    await signIn(page, server.adminToken);
    for (const hash of [
      '#/repos',
      '#/repos/apps',
      '#/repos/apps/uploads',
      '#/repos/apps/access',
      '#/tokens',
      '#/audit',
      '#/health',
    ]) {
      await goTo(page, hash);
      await page.waitForLoadState('networkidle');
      addresses.push(page.url());
    }
    const kept = await page.evaluate(async () => {
      const databases = await indexedDB.databases();
      const contents = await Promise.all(
        databases.map(
          ({ name = '' }) =>
            new Promise((resolve) => {
              const opened = indexedDB.open(name);
              opened.addEventListener('success', () => {
                const stores = [...opened.result.objectStoreNames];
                const read = opened.result
                  .transaction(stores)
                  .objectStore(stores[0] ?? '')
                  .getAll();
                read.addEventListener('success', () => resolve(read.result));
              });
            }),
        ),
      );
      return JSON.stringify([Object.entries(localStorage), document.cookie, contents]);
    });
    expect(addresses.length).toBeGreaterThan(20);
    expect([...addresses, kept].filter((text) => text.includes(server.adminToken))).toEqual([]);
    await page.context().close();
  });

  describe('leads to what the token allows, and to nothing else:', () => {
    const sections = async (scopes: string[]) => {
      const page = await enterConsole(browser, server, await server.issueToken('somebody', scopes));
      const names = await page.getByRole('navigation', { name: 'Console' }).getByRole('link').allTextContents();
      return { page, names: names.map((name) => name.trim()) };
    };

    test('all pages for an administrator', async () => {
      const { page, names } = await sections(['repo:*:admin']);
      expect(names).toEqual(['Repositories', 'Tokens', 'Audit', 'Health']);
      await page.getByRole('button', { name: 'New repository' }).waitFor();
      await page.context().close();
    });

    test('its repository alone for a reader, without upload, deletion, sessions and access', async () => {
      const { page, names } = await sections(['repo:apps:read']);
      expect(names).toEqual(['Repositories', 'Tokens', 'Health']);
      await page.getByRole('link', { name: 'apps' }).waitFor();
      expect(await page.getByText('secret').count()).toBe(0);
      expect(await page.getByRole('button', { name: 'New repository' }).count()).toBe(0);
      await goTo(page, '#/repos/apps');
      await page.getByRole('heading', { level: 1, name: 'apps' }).waitFor();
      expect(await page.getByText('Drop files here').count()).toBe(0);
      expect(await page.getByRole('button', { name: 'Delete' }).count()).toBe(0);
      expect(await page.getByRole('link', { name: 'Upload sessions' }).count()).toBe(0);
      await goTo(page, '#/audit');
      await page.getByRole('heading', { level: 1, name: 'Nothing here' }).waitFor();
      await page.context().close();
    });

    test('upload and sessions for a writer, without access', async () => {
      const { page } = await sections(['repo:apps:write']);
      await goTo(page, '#/repos/apps');
      await page.getByText('Drop files here').waitFor();
      await page.getByRole('link', { name: 'Upload sessions' }).waitFor();
      expect(await page.getByRole('link', { name: 'Access' }).count()).toBe(0);
      await page.context().close();
    });

    test('no repositories for a token that reads none', async () => {
      const { page, names } = await sections(['repo:apps:promote']);
      expect(names).toEqual(['Tokens', 'Health']);
      await page.context().close();
    });
  });
});
