import { readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { refuse, sha256 } from '../client/fake-answers.ts';
import { startFakeServer } from '../client/fake-server.ts';
import { someBytes } from '../client/support.ts';
import { cli, startCli, temporaryFolder } from './support.ts';

const signedIn = (url: string) => ({ ARTIFORTRESS_URL: url, ARTIFORTRESS_TOKEN: 'aft_test' });

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('a pushed file comes back the same; the second push sends nothing', async () => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  const variables = signedIn(server.url);
  const bytes = someBytes(3_500);
  const file = path.join(home.path, 'app.tar');
  await writeFile(file, bytes);

  const pushed = await cli(['push', file, '--repo', 'libs'], home.path, { variables });
  expect(pushed.code).toBe(0);
  expect(pushed.stdout.toString()).toBe(`${sha256(bytes)}\n`);
  expect(pushed.stderr).toContain(`libs/${sha256(bytes)}`);
  const puts = server.sent('PUT', /store/).length;

  const again = await cli(['push', file, '--repo', 'libs', '--json'], home.path, { variables });
  expect(again.stderr).toContain('already there, no byte sent');
  expect(JSON.parse(again.stdout.toString())).toMatchObject({ deduped: true, sentBytes: 0, digest: sha256(bytes) });
  expect(server.sent('PUT', /store/)).toHaveLength(puts);

  const target = path.join(home.path, 'copy');
  const pulled = await cli(['pull', `libs/${sha256(bytes)}`, '-o', target, '--quiet'], home.path, { variables });
  expect(pulled).toMatchObject({ code: 0, stderr: '' });
  expect(await readFile(target)).toEqual(bytes);
  expect((await readdir(home.path)).filter((name) => name !== '.local')).toEqual(['app.tar', 'copy']);
});

test('standard input is pushed, and standard output pulled to', async () => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  const bytes = someBytes(2_000);
  const input = { variables: signedIn(server.url), stdin: bytes };
  const pushed = await cli(['push', '-', '-r', 'libs', '-q'], home.path, input);
  expect(pushed).toMatchObject({ code: 0, stderr: '' });
  const pulled = await cli(['pull', `libs/${pushed.stdout.toString().trim()}`, '-o', '-', '--json'], home.path, input);
  expect(pulled.stdout).toEqual(bytes);
});

test('an empty file is pushed like any other', async () => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  server.blobs.set(sha256(Buffer.alloc(0)), Buffer.alloc(0));
  await writeFile(path.join(home.path, 'empty'), '');
  const pushed = await cli(['push', path.join(home.path, 'empty'), '-r', 'libs'], home.path, {
    variables: signedIn(server.url),
  });
  expect(pushed).toMatchObject({ code: 0 });
});

test.each([
  ['short', (bytes: Buffer) => bytes.subarray(0, 500)],
  ['altered', (bytes: Buffer) => Buffer.alloc(bytes.length)],
])('%s content leaves no file, and the one that was there untouched', async (_, spoil) => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  const bytes = someBytes(1_000);
  server.blobs.set(sha256(bytes), spoil(bytes));
  const target = path.join(home.path, 'copy');
  await writeFile(target, 'precious');
  const argv = ['pull', `libs/${sha256(bytes)}`, '-o', target];
  const pulled = await cli(argv, home.path, { variables: signedIn(server.url) });
  expect(pulled.code).toBe(5);
  expect(await readdir(home.path)).toEqual(['copy']);
  expect(await readFile(target, 'utf8')).toBe('precious');
});

test('a blob that is not there leaves no file and ends with 4', async () => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  const argv = ['pull', `libs/${'0'.repeat(64)}`, '-o', path.join(home.path, 'copy')];
  const pulled = await cli(argv, home.path, { variables: signedIn(server.url) });
  expect(pulled.code).toBe(4);
  expect(pulled.stderr).toContain('(request req-1)');
  expect(await readdir(home.path)).toEqual([]);
});

test('a folder gets a file named by its digest, a symbolic link stays one, a device stays a device', async () => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  const bytes = someBytes(100);
  const digest = sha256(bytes);
  server.blobs.set(digest, bytes);
  await writeFile(path.join(home.path, 'real'), 'old');
  await symlink('real', path.join(home.path, 'link'));
  for (const target of [home.path, path.join(home.path, 'link'), '/dev/null']) {
    const pulled = await cli(['pull', `libs/${digest}`, '-o', target], home.path, { variables: signedIn(server.url) });
    expect(pulled.code).toBe(0);
  }
  expect(await readdir(home.path)).toEqual([digest, 'link', 'real'].sort());
  expect(await readFile(path.join(home.path, 'real'))).toEqual(bytes);
  expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
});

test('Ctrl-C in a push keeps the session, says how to go on and how to drop it, and ends with 130', async () => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  const file = path.join(home.path, 'app.tar');
  await writeFile(file, someBytes(3_000));
  server.fault = (seen) => seen.path.startsWith('/store');
  const run = startCli(['push', file, '-r', 'libs'], home.path, { variables: signedIn(server.url) });
  await until(() => server.sent('PUT', /store/).length > 0);
  run.signal('SIGINT');
  // The same Ctrl-C once more, as a wrapper process forwards it: it must not cut the end short.
  run.signal('SIGINT');
  const { code, stderr, stdout } = await run.result;
  expect(code).toBe(130);
  expect(stdout.toString()).toBe('');
  expect(stderr).toContain('the same push again goes on where it stopped');
  expect(stderr).toContain('artifortress upload abort libs/upload-1');
  expect(run.exited).toEqual([]);
  expect(server.sent('POST', /abort$/)).toHaveLength(0);
});

test.each([
  ['--no-resume', ['--no-resume']],
  ['standard input, which is gone with it', ['-']],
])('Ctrl-C in a push of %s aborts the session, and says so', async (_, extra) => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  const file = path.join(home.path, 'app.tar');
  await writeFile(file, someBytes(3_000));
  server.fault = (seen) => seen.path.startsWith('/store');
  const argv = ['push', '-r', 'libs', ...extra, ...(extra.includes('-') ? [] : [file])];
  const run = startCli(argv, home.path, { variables: signedIn(server.url), stdin: 'bytes' });
  await until(() => server.sent('PUT', /store/).length > 0);
  run.signal('SIGINT');
  const { code, stderr } = await run.result;
  expect(code).toBe(130);
  expect(stderr).toContain('was aborted; nothing was stored');
  expect(server.sent('POST', /abort$/)).toHaveLength(1);
  expect((await readdir(home.path)).filter((name) => name.startsWith('.'))).toEqual([]);
});

test('a second Ctrl-C after a moment ends at once', async () => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  const file = path.join(home.path, 'app.tar');
  await writeFile(file, someBytes(3_000));
  server.fault = (seen) => /store|abort/.test(seen.path);
  const run = startCli(['push', file, '-r', 'libs', '--no-resume'], home.path, { variables: signedIn(server.url) });
  await until(() => server.sent('PUT', /store/).length > 0);
  run.signal('SIGINT');
  run.passTime(1_000);
  run.signal('SIGINT');
  expect(run.exited).toEqual([130]);
  expect(await run.result).toMatchObject({ code: 130 });
});

test('Ctrl-C in a pull leaves nothing behind', async () => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  server.fault = (_, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    return response.write('beginning') || true;
  };
  const argv = ['pull', `libs/${'0'.repeat(64)}`, '-o', path.join(home.path, 'copy')];
  const run = startCli(argv, home.path, { variables: signedIn(server.url) });
  await until(() => server.requests.length > 0);
  run.signal('SIGINT');
  expect(await run.result).toMatchObject({ code: 130 });
  expect(await readdir(home.path)).toEqual([]);
});

test('a push that the server refuses says why, what to do, and the request id', async () => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  const file = path.join(home.path, 'app.tar');
  await writeFile(file, 'x');
  server.fault = (_, response) => refuse(response, 403, 'forbidden');
  const pushed = await cli(['push', file, '-r', 'libs'], home.path, { variables: signedIn(server.url) });
  expect(pushed.code).toBe(3);
  expect(pushed.stderr).toMatch(/^artifortress: It is forbidden\. .*\(request req-1\)\n$/);
});

test('a file that is not there, an empty folder, and a pattern without a match are told before anything is sent', async () => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  const variables = signedIn(server.url);
  const missing = await cli(['push', path.join(home.path, 'nope'), '-r', 'libs'], home.path, { variables });
  expect(missing).toMatchObject({ code: 1 });
  expect(missing.stderr).toContain('there is no such file');
  expect(await cli(['push', home.path, '-r', 'libs'], home.path, { variables })).toMatchObject({ code: 2 });
  expect(await cli(['push', `${home.path}/*.deb`, '-r', 'libs'], home.path, { variables })).toMatchObject({ code: 2 });
  expect(server.requests).toHaveLength(0);
});
