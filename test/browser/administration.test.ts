import { readFile } from 'node:fs/promises';
import { sql } from 'kysely';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sealAudit } from '../../src/audit/seal.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { createSession, sendPart, uniqueBytes, upload } from '../support/uploading.ts';
import { enterConsole, goTo, hasBrowser, openBrowser } from './console.ts';

describe.skipIf(!hasBrowser())('who runs the installation', () => {
  let server: TestServer;
  let browser: Browser;

  beforeAll(async () => {
    server = await startTestServer();
    await server.createRepository('apps');
    await upload(server, 'apps', uniqueBytes());
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser.close();
    await server.close();
  });

  const enter = async (hash: string, token = server.adminToken) => {
    const page = await enterConsole(browser, server, token);
    await goTo(page, hash);
    return page;
  };

  test('creates a repository, and is told what is wrong with a key', async () => {
    const page = await enter('#/repos');
    await page.getByRole('button', { name: 'New repository' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Key').fill('apps');
    await dialog.getByRole('button', { name: 'Create' }).click();
    await dialog.getByText('There is a repository "apps" already.').waitFor();
    await dialog.getByLabel('Key').fill('libs');
    await dialog.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('heading', { level: 1, name: 'libs' }).waitFor();
    await page.getByText('Nothing has been committed here yet').waitFor();
    await page.context().close();
  });

  test('deletes a repository, after a question', async () => {
    await server.createRepository('old');
    const page = await enter('#/repos/old');
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('button', { name: 'Delete the repository' }).click();
    await page.getByRole('heading', { level: 1, name: 'Repositories' }).waitFor();
    expect((await server.request('GET', '/v1/repos/old')).status).toBe(404);
    await page.context().close();
  });

  test('issues a token, which is shown once and works, and revokes it', async () => {
    const page = await enter('#/tokens');
    await page.getByRole('button', { name: 'Issue a token' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Subject').fill('ci');
    await dialog.getByLabel('Repository 1').fill('apps');
    await dialog.getByRole('button', { name: 'Issue', exact: true }).click();
    const secret = (await dialog.locator('.secret code').textContent()) ?? '';
    expect((await server.request('GET', '/v1/auth/whoami', { token: secret })).json).toMatchObject({
      subject: 'ci',
      scopes: ['repo:apps:read'],
    });
    await dialog.getByRole('button', { name: 'I have copied it' }).click();
    expect(await page.content()).not.toContain(secret);
    await page.getByRole('button', { name: 'Revoke a token of ci' }).click();
    await page.getByRole('button', { name: 'Revoke it' }).click();
    await page.getByRole('cell', { name: /revoked/ }).waitFor();
    expect((await server.request('GET', '/v1/auth/whoami', { token: secret })).status).toBe(401);
    await page.context().close();
  });

  test('who is no administrator sees and narrows their own token alone', async () => {
    const page = await enter('#/tokens', await server.issueToken('reader', ['repo:apps:read'], 30));
    await page.getByRole('heading', { name: 'Your token' }).waitFor();
    expect(await page.getByRole('heading', { name: 'All tokens' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Issue a token' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Repository 1').fill('apps');
    await dialog.getByLabel('Role 1').selectOption('admin');
    await dialog.getByRole('button', { name: 'Issue', exact: true }).click();
    await dialog.getByRole('alert').waitFor();
    await dialog.getByLabel('Role 1').selectOption('read');
    await dialog.getByRole('button', { name: 'Issue', exact: true }).click();
    await dialog.getByText('shown this once').waitFor();
    await page.context().close();
  });

  test('binds a subject to roles, changes them and takes them away', async () => {
    const page = await enter('#/repos/apps/access');
    await page.getByText('Nobody is bound').waitFor();
    await page.getByRole('button', { name: 'Bind a subject' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Subject').fill('grace');
    await dialog.getByLabel('write').check();
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('row', { name: /grace read ?write/ }).waitFor();
    await page.getByRole('button', { name: 'Change the roles of grace' }).click();
    await dialog.getByLabel('write').uncheck();
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('row', { name: /grace read (?!write)/ }).waitFor();
    await page.getByRole('button', { name: 'Remove grace' }).click();
    await page.getByRole('button', { name: 'Remove the binding' }).click();
    await page.getByText('Nobody is bound').waitFor();
    expect((await server.request('GET', '/v1/repos/apps/bindings')).json.items).toEqual([]);
    await page.context().close();
  });

  test('sees sessions change state by themselves, and aborts one', async () => {
    const page = await enter('#/repos/apps/uploads');
    const session = await createSession(server, 'apps', uniqueBytes(1234));
    await page.getByText('waiting for parts', { exact: true }).last().waitFor();
    await sendPart(server, session, uniqueBytes(1234));
    await page.locator('.badge-busy').waitFor();
    await page.getByRole('button', { name: `Abort the upload ${session.uploadId}` }).click();
    await page.getByRole('button', { name: 'Abort it' }).click();
    await page.getByText('given up by its client').waitFor();
    await page.getByLabel('State').selectOption('aborted');
    await expect.poll(() => page.getByRole('row').count()).toBe(2);
    await page.context().close();
  });

  describe('reads the audit trail:', () => {
    test('filtered, with the filter in the address', async () => {
      const page = await enter('#/audit');
      await page.getByLabel('Action').fill('repo.created');
      await page.getByLabel('Resource').fill('apps');
      await page.getByRole('button', { name: 'Filter' }).click();
      await expect.poll(() => page.getByRole('row').count()).toBe(2);
      expect(page.url()).toContain('action=repo.created');
      await page.getByLabel('Resource').fill('');
      await page.getByLabel('Repository').fill('nowhere');
      await page.getByRole('button', { name: 'Filter' }).click();
      await page.getByText('No row matches').waitFor();
      await page.getByLabel('Repository').fill('apps');
      await page.getByRole('button', { name: 'Filter' }).click();
      await expect.poll(() => page.getByRole('row').count()).toBe(2);
      expect(page.url()).toContain('repoKey=apps');
      await page.getByRole('button', { name: 'Clear' }).click();
      await expect.poll(() => page.getByRole('row').count()).toBeGreaterThan(2);
      await page.context().close();
    });

    test('each row with a proof that the page itself has checked', async () => {
      await sealAudit(server.running.services);
      const page = await enter('#/audit?action=repo.created');
      await page
        .getByRole('button', { name: /^Proof of row \d+: proved/ })
        .first()
        .waitFor();
      await page.context().close();
    });

    test('a row that is not sealed yet says so', async () => {
      await server.createRepository('unsealed');
      const page = await enter('#/audit?action=repo.created&resourceId=unsealed');
      await page.getByRole('button', { name: /^Proof of row \d+: not sealed yet/ }).waitFor();
      await page.context().close();
    });

    test('a row that was changed in the database after it had been sealed is shown as broken', async () => {
      await server.createRepository('forged');
      await sealAudit(server.running.services);
      await server.running.services.db.query(
        sql`update audit_events set actor = 'somebody-else' where action = 'repo.created' and resource_id = 'forged'`,
      );
      const page = await enter('#/audit?action=repo.created&resourceId=forged');
      await page.getByRole('button', { name: /^Proof of row \d+: broken/ }).waitFor();
      await page.context().close();
    });

    test('exported as it was sealed', async () => {
      await sealAudit(server.running.services);
      const page = await enter('#/audit');
      const [saved] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'Export' }).click(),
      ]);
      const lines = (await readFile(await saved.path(), 'utf8')).trim().split('\n');
      expect(JSON.parse(lines[0] ?? '')).toMatchObject({ type: 'header' });
      expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ type: 'end' });
      await page.context().close();
    });
  });

  test('sees what the server depends on, and its figures move', async () => {
    const page = await enter('#/health');
    await page.getByText('Ready: everything that it depends on is up.').waitFor();
    expect(await page.locator('.tile').allTextContents()).toEqual(['Databaseup', 'Object storeup']);
    await page.getByText('What the store can do').waitFor();
    const requests = page.locator('.chart').first().locator('b');
    await expect.poll(() => requests.textContent(), { timeout: 30_000 }).toMatch(/^[\d.]+\/s$/);
    await page.context().close();
  });
});
