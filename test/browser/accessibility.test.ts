import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { createSession, sha256, uniqueBytes, upload } from '../support/uploading.ts';
import { seriousFindings } from './axe.ts';
import { type ConsolePage, dropFiles, enterConsole, goTo, hasBrowser, openBrowser, openConsole } from './console.ts';

/** Narrower than any phone in use, and what 200 % of zoom leaves of a small laptop is wider. */
const PHONE = { width: 320, height: 640 };

describe.skipIf(!hasBrowser())('the console is for everybody:', () => {
  let server: TestServer;
  let browser: Browser;
  const bytes = uniqueBytes(5000);

  beforeAll(async () => {
    server = await startTestServer();
    await server.createRepository('apps');
    await server.createRepository('empty');
    await upload(server, 'apps', bytes);
    await createSession(server, 'apps', uniqueBytes());
    await server.request('PUT', '/v1/repos/apps/bindings/grace', { json: { roles: ['read', 'admin'] } });
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser.close();
    await server.close();
  });

  const PLACES: readonly (readonly [name: string, hash: string, shown: RegExp | string])[] = [
    ['repositories', '#/repos', 'New repository'],
    ['blobs', '#/repos/apps', 'Find by digest'],
    ['an empty repository', '#/repos/empty', 'Nothing has been committed here yet'],
    ['a blob', `#/repos/apps/blobs/${sha256(bytes)}`, 'Custody receipt'],
    ['sessions', '#/repos/apps/uploads', 'ends in 24 hours'],
    ['access', '#/repos/apps/access', 'grace'],
    ['tokens', '#/tokens', 'All tokens'],
    ['audit', '#/audit', 'repo.created'],
    ['health', '#/health', 'What the store can do'],
    ['an error', '#/repos/none', 'There is no repository'],
    ['nothing', '#/none', 'There is no such page'],
  ];

  const show = async (page: ConsolePage, hash: string, text: RegExp | string): Promise<void> => {
    await goTo(page, hash);
    await page.getByText(text).first().waitFor();
  };

  describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
    test('axe finds nothing serious on any page, and no page breaks its own policy', async () => {
      const page = await openConsole(browser, server, { colorScheme });
      await page.getByRole('textbox', { name: 'Token' }).waitFor();
      const findings: Record<string, string[]> = { 'sign-in': await seriousFindings(page) };
      await page.getByRole('textbox', { name: 'Token' }).fill(server.adminToken);
      await page.getByRole('button', { name: 'Sign in' }).click();
      for (const [name, hash, shown] of PLACES) {
        await show(page, hash, shown);
        findings[name] = await seriousFindings(page);
      }
      expect(Object.entries(findings).filter(([, found]) => found.length > 0)).toEqual([]);
      expect(page.complaints).toEqual([]);
      await page.context().close();
    });

    test('nor in dialogs, and in the list of uploads', async () => {
      const page = await enterConsole(browser, server, server.adminToken, { colorScheme });
      await show(page, '#/tokens', 'All tokens');
      await page.getByRole('button', { name: 'Issue a token' }).click();
      const ofDialog = await seriousFindings(page);
      await page.keyboard.press('Escape');
      await show(page, '#/repos/apps', 'Drop files here');
      await dropFiles(page, 'apps', [{ name: 'a.bin', bytes: uniqueBytes(100) }]);
      await page.getByText('Committed.').waitFor();
      expect([...ofDialog, ...(await seriousFindings(page))]).toEqual([]);
      await page.context().close();
    });
  });

  test('no page scrolls sideways on the narrowest phone', async () => {
    const page = await enterConsole(browser, server, server.adminToken, { viewport: PHONE, isMobile: true });
    const wide: string[] = [];
    for (const [name, hash, shown] of PLACES) {
      await show(page, hash, shown);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      if (width > PHONE.width) wide.push(`${name}: ${width}`);
    }
    expect(wide).toEqual([]);
    await page.context().close();
  });

  test('nor at 200 % of zoom on a screen of 1280 pixels', async () => {
    const page = await enterConsole(browser, server, server.adminToken, {
      viewport: { width: 640, height: 400 },
      deviceScaleFactor: 2,
    });
    const wide: string[] = [];
    for (const [name, hash, shown] of PLACES) {
      await show(page, hash, shown);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      if (width > 640) wide.push(`${name}: ${width}`);
    }
    expect(wide).toEqual([]);
    await page.context().close();
  });

  test('the keyboard alone signs in, creates a repository, finds a blob, and comes back from a dialog to where it was', async () => {
    const page = await openConsole(browser, server);
    const { keyboard } = page;
    await page.getByRole('textbox', { name: 'Token' }).waitFor();
    await expect.poll(() => focused(page)).toContain('Token');
    await keyboard.insertText(server.adminToken);
    await keyboard.press('Enter');
    await page.getByRole('navigation', { name: 'Console' }).waitFor();

    await tabTo(page, 'Skip to the content');
    await keyboard.press('Enter');
    await tabTo(page, 'New repository');
    await keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await expect.poll(() => focused(page)).toContain('New repository');
    await keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await tabTo(page, 'Key');
    await keyboard.insertText('by-keyboard');
    await keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'by-keyboard' }).waitFor();

    await tabTo(page, 'Repositories', 'Shift+Tab');
    await keyboard.press('Enter');
    await tabTo(page, 'apps');
    await keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'apps' }).waitFor();
    await tabTo(page, 'Choose files');
    await tabTo(page, 'Find by digest');
    await keyboard.insertText(sha256(bytes).slice(0, 8));
    await expect.poll(() => page.getByRole('row').count()).toBe(2);
    await tabTo(page, sha256(bytes).slice(0, 12));
    await keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: /^Blob/ }).waitFor();
    await expect.poll(() => focused(page)).toBe('main');
    await page.context().close();
  });

  test('a dialog gives the focus back however it is closed, and opens again at once', async () => {
    const page = await enterConsole(browser, server, server.adminToken);
    await show(page, '#/repos', 'New repository');
    const opener = page.getByRole('button', { name: 'New repository' });
    for (const close of ['Cancel', 'Close']) {
      await opener.click();
      await page.getByRole('dialog').getByRole('button', { name: close }).click();
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
      expect(await focused(page)).toContain('New repository');
    }
    await opener.click();
    await page.getByRole('dialog').waitFor();
    for (let round = 0; round < 10; round += 1) {
      await page.keyboard.press('Escape');
      await page.keyboard.press('Enter');
      await page.getByRole('dialog').waitFor();
    }
    await page.context().close();
  });

  test('what happens is said to a screen reader as well', async () => {
    const page = await enterConsole(browser, server, server.adminToken);
    await show(page, '#/repos/apps', 'Drop files here');
    await dropFiles(page, 'apps', [{ name: 'said.bin', bytes: uniqueBytes(100) }]);
    await page.getByRole('status').getByText('said.bin is uploaded.').waitFor();
    await page.context().close();
  });

  test('the colours can be chosen, and stay so', async () => {
    const page = await enterConsole(browser, server, server.adminToken, { colorScheme: 'light' });
    const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const light = await ground();
    const button = page.getByRole('button', { name: /^Colours/ });
    // From the system's colours to the light ones, to the dark ones.
    await button.click();
    await button.click();
    await expect.poll(ground).not.toBe(light);
    const dark = await ground();
    await page.reload();
    await page.getByRole('navigation', { name: 'Console' }).waitFor();
    expect(await ground()).toBe(dark);
    await page.context().close();
  });
});

/** What has the focus: its name, or what it is. */
async function focused(page: ConsolePage): Promise<string> {
  return await page.evaluate(() => {
    const element = document.activeElement;
    if (element === null) return '';
    const label = element.id === '' ? null : document.querySelector(`label[for="${CSS.escape(element.id)}"]`);
    const name = element.getAttribute('aria-label') ?? label?.textContent ?? element.textContent?.trim() ?? '';
    return element.tagName === 'MAIN' ? 'main' : name;
  });
}

/** Presses Tab until something of this name has the focus. */
async function tabTo(page: ConsolePage, name: string, key = 'Tab'): Promise<void> {
  const MOST = 60;
  for (let pressed = 0; pressed < MOST; pressed += 1) {
    await page.keyboard.press(key);
    if ((await focused(page)).startsWith(name)) return;
  }
  throw new Error(`${name} is not reached by ${key}`);
}
