import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { createSession, type Session, sendPart, sha256, uniqueBytes, upload } from '../support/uploading.ts';
import { cli, temporaryFolder } from './support.ts';

const bytes = uniqueBytes(2048);
const digest = sha256(bytes);
const unknownDigest = sha256(uniqueBytes(1));

let server: TestServer;
let home: Awaited<ReturnType<typeof temporaryFolder>>;
let database: Client;
let writer: string;
let session: Session;

async function run(argv: readonly string[], token = server.adminToken) {
  const variables = { ARTIFORTRESS_URL: server.url, ARTIFORTRESS_TOKEN: token };
  const { code, stdout, stderr } = await cli(argv, home.path, { variables });
  return { code, stderr, stdout: stdout.toString() };
}

async function tokenIdOf(token: string): Promise<string> {
  const { json } = await server.request('GET', '/v1/auth/whoami', { token });
  return String(json.tokenId);
}

/** Every row of every table, but for when a token was last used. */
async function everything(): Promise<Record<string, unknown[]>> {
  const { rows: tables } = await database.query<{ name: string }>(
    `select quote_ident(tablename) as name from pg_tables where schemaname = 'public' order by 1`,
  );
  const contents: Record<string, unknown[]> = {};
  for (const { name } of tables) {
    const { rows } = await database.query<{ row: unknown }>(
      `select to_jsonb(t) - 'last_used_at' as row from ${name} t order by to_jsonb(t)::text`,
    );
    contents[name] = rows.map(({ row }) => row);
  }
  return contents;
}

/** Tries a command out. @returns what it says for people and as JSON, once it has changed nothing. */
async function tryOut(argv: readonly string[], token = server.adminToken) {
  const before = await everything();
  const plain = await run([...argv, '--dry-run'], token);
  const json = await run([...argv, '--dry-run', '--json'], token);
  expect(await everything()).toEqual(before);
  expect([plain.code, json.code], plain.stderr + json.stderr).toEqual([0, 0]);
  return { text: plain.stdout, json: JSON.parse(json.stdout) as unknown };
}

beforeAll(async () => {
  server = await startTestServer();
  home = await temporaryFolder();
  database = new Client(server.database.target);
  await database.connect();
  await server.createRepository('libs');
  await server.createRepository('other');
  await upload(server, 'libs', bytes);
  await upload(server, 'libs', uniqueBytes(1024));
  session = await createSession(server, 'libs', uniqueBytes(4096));
  await sendPart(server, session, uniqueBytes(4096));
  await server.request('PUT', '/v1/repos/libs/bindings/alice', { json: { roles: ['read', 'promote'] } });
  writer = await server.issueToken('writer', ['repo:libs:write']);
  const json = { repoKey: 'all', repoType: 'virtual', memberRepos: ['other'] };
  await server.request('POST', '/v1/repos', { json });
});

afterAll(async () => {
  await database.end();
  await home[Symbol.asyncDispose]();
  await server.close();
});

describe('--dry-run changes nothing, and tells', () => {
  test('the length of the blob that would be dropped', async () => {
    const { text, json } = await tryOut(['blob', 'delete', `libs/${digest}`]);
    expect(text).toBe(`${digest} (2.00 KiB) would be dropped from libs.\n`);
    expect(json).toEqual({ dryRun: true, repoKey: 'libs', digest, length: 2048 });
  });

  test('what the repository that would be deleted holds', async () => {
    const { text, json } = await tryOut(['repo', 'delete', 'LIBS']);
    expect(text).toBe('The local repository libs would be deleted, with 2 blobs (3.00 KiB) and 1 upload under way.\n');
    const holds = { blobCount: 2, totalBytes: 3072, liveUploads: 1 };
    expect(json).toEqual({ dryRun: true, repoKey: 'libs', repoType: 'local', ...holds });
  });

  test('that a virtual repository holds nothing by itself', async () => {
    const { json } = await tryOut(['repo', 'delete', 'all']);
    expect(json).toMatchObject({ repoType: 'virtual', blobCount: 0, liveUploads: 0 });
  });

  test('which token would be revoked', async () => {
    const tokenId = await tokenIdOf(writer);
    const { text, json } = await tryOut(['token', 'revoke', tokenId.toUpperCase()]);
    expect(text).toMatch(
      new RegExp(`^The token ${tokenId} of writer \\(repo:libs:write, until 2.*\\) would be revoked.\n$`),
    );
    const token = { tokenId, subject: 'writer', scopes: ['repo:libs:write'], revokedAtUtc: null };
    expect(json).toEqual({ dryRun: true, ...token, expiresAtUtc: expect.stringMatching(/Z$/) });
  });

  test("one's own token, also to who may not list the others", async () => {
    const { text } = await tryOut(['token', 'revoke', await tokenIdOf(writer)], writer);
    expect(text).toContain('of writer');
  });

  test('that a token is revoked already', async () => {
    const tokenId = await tokenIdOf(await server.issueToken('gone', ['repo:libs:read']));
    await run(['token', 'revoke', tokenId]);
    const { text, json } = await tryOut(['token', 'revoke', tokenId]);
    expect(text).toContain('nothing would be changed');
    expect(json).toMatchObject({ subject: 'gone', revokedAtUtc: expect.stringMatching(/Z$/) });
  });

  test('from which roles to which a subject would come', async () => {
    const { text, json } = await tryOut(['binding', 'set', 'libs', 'Alice', '--role', 'write', '--role', 'read']);
    expect(text).toBe('Alice would have read, write in libs, in place of read, promote.\n');
    const roles = { roles: ['read', 'write'], rolesBefore: ['read', 'promote'] };
    expect(json).toEqual({ dryRun: true, repoKey: 'libs', subject: 'Alice', ...roles });
  });

  test('that a subject has no role yet, or these already', async () => {
    const first = await tryOut(['binding', 'set', 'libs', 'bob', '--role', 'admin']);
    expect(first.text).toBe('bob would have admin in libs, in place of no role.\n');
    const same = await tryOut(['binding', 'set', 'libs', 'alice', '--role', 'promote', '--role', 'read']);
    expect(same.text).toBe('alice has read, promote in libs already.\n');
  });

  test('which roles a subject would lose', async () => {
    const { text, json } = await tryOut(['binding', 'delete', 'libs', 'alice']);
    expect(text).toBe('alice would lose read, promote in libs.\n');
    expect(json).toEqual({ dryRun: true, repoKey: 'libs', subject: 'alice', rolesBefore: ['read', 'promote'] });
  });

  test('how much of an upload would be dropped', async () => {
    const { text, json } = await tryOut(['upload', 'abort', `libs/${session.uploadId}`], writer);
    expect(text).toContain('would be aborted, and 4.00 KiB sent so far dropped');
    expect(json).toMatchObject({ dryRun: true, uploadId: session.uploadId, state: 'parts_uploading', heldBytes: 4096 });
  });
});

describe('--dry-run ends as the command itself does', () => {
  test.each([
    ['a blob that is not there', ['blob', 'delete', `libs/${unknownDigest}`], 4],
    ['a blob of no repository', ['blob', 'delete', `nowhere/${digest}`], 4],
    ['a repository that is not there', ['repo', 'delete', 'nowhere'], 4],
    ['what is no key of a repository', ['repo', 'delete', 'no key'], 2],
    ['a member of a virtual repository', ['repo', 'delete', 'other'], 5],
    ['a token that is not there', ['token', 'revoke', '01890a5d-ac96-774b-bcce-b302099a8057'], 4],
    ['a role in no repository', ['binding', 'set', 'nowhere', 'alice', '--role', 'read'], 4],
    ['roles that nobody has', ['binding', 'delete', 'libs', 'nobody'], 4],
    ['an upload that is not there', ['upload', 'abort', 'libs/01890a5d-ac96-774b-bcce-b302099a8057'], 4],
  ])('for %s', async (_, argv, code) => {
    expect((await run([...argv, '--dry-run'])).code).toBe(code);
    expect((await run(argv)).code).toBe(code);
  });

  test.each([
    ['a blob', ['blob', 'delete', `libs/${digest}`]],
    ['a blob that is not there', ['blob', 'delete', `libs/${unknownDigest}`]],
    ['a repository', ['repo', 'delete', 'libs']],
    ['a token', ['token', 'revoke', '01890a5d-ac96-774b-bcce-b302099a8057']],
    ['a role', ['binding', 'set', 'libs', 'alice', '--role', 'read']],
    ['roles', ['binding', 'delete', 'libs', 'alice']],
  ])('for %s that the caller may not change', async (_, argv) => {
    const tried = await run([...argv, '--dry-run'], writer);
    expect(tried).toMatchObject({ code: 3, stdout: '' });
    expect((await run(argv, writer)).code).toBe(3);
  });

  test('for an upload that is committed', async () => {
    const { stdout } = await run(['upload', 'list', 'libs', '--state', 'committed', '--json']);
    const { items }: { items: { uploadId: string }[] } = JSON.parse(stdout);
    const argv = ['upload', 'abort', `libs/${items[0]?.uploadId}`];
    expect((await run([...argv, '--dry-run'])).code).toBe(5);
    expect((await run(argv)).code).toBe(5);
  });
});

test('the help of each such command says what a dry run cannot tell', async () => {
  const commands = ['blob delete', 'repo delete', 'token revoke', 'binding set', 'binding delete', 'upload abort'];
  for (const command of commands) {
    const { stdout } = await run([...command.split(' '), '--help']);
    expect(stdout, command).toContain("can't tell");
  }
});
