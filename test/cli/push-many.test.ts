import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { refuse, sha256 } from '../client/fake-answers.ts';
import { startFakeServer } from '../client/fake-server.ts';
import { someBytes } from '../client/support.ts';
import { cli, temporaryFolder } from './support.ts';

const signedIn = (url: string) => ({ ARTIFORTRESS_URL: url, ARTIFORTRESS_TOKEN: 'aft_test' });

/** Six files in two folders, one of them by a link. */
async function tree(folder: string): Promise<Map<string, Buffer>> {
  await mkdir(path.join(folder, 'dist', 'deep'), { recursive: true });
  const files = new Map<string, Buffer>();
  for (const [index, name] of ['a.deb', 'b.deb', 'c.txt', 'deep/d.deb', 'deep/e e.deb'].entries()) {
    const file = path.join(folder, 'dist', name);
    files.set(file, someBytes(500 + index * 700));
    await writeFile(file, someBytes(500 + index * 700));
  }
  await symlink('.', path.join(folder, 'dist', 'loop'));
  return files;
}

test('a folder is pushed with all that is in it, and sha256sum checks what is printed', async () => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  const files = await tree(home.path);
  const argv = ['push', path.join(home.path, 'dist'), '-r', 'libs'];
  const { code, stdout, stderr } = await cli(argv, home.path, { variables: signedIn(server.url) });
  expect(code).toBe(0);
  expect(stdout.toString()).toBe([...files].map(([file, bytes]) => `${sha256(bytes)}  ${file}\n`).join(''));
  expect(execFileSync('sha256sum', ['-c', '--quiet'], { input: stdout }).toString()).toBe('');
  expect(stderr.split('\n').filter((line) => line.startsWith('Pushed'))).toHaveLength(5);
});

test('a pattern is expanded, each file is pushed once, and JSON is a line for each in their order', async () => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  const files = await tree(home.path);
  const dist = path.join(home.path, 'dist');
  const argv = ['push', `${dist}/**/*.deb`, path.join(dist, 'a.deb'), '-r', 'libs', '--json', '-q'];
  const { stdout, stderr } = await cli(argv, home.path, { variables: signedIn(server.url) });
  const lines = stdout
    .toString()
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  const debs = [...files].filter(([file]) => file.endsWith('.deb'));
  expect(lines).toMatchObject(
    debs.map(([file, bytes]) => ({ file, digest: sha256(bytes), lengthBytes: bytes.length, deduped: false })),
  );
  expect(stderr).toBe('');
});

test('what concerns one file alone does not stop the others, and is told at the end', async () => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  const files = [...(await tree(home.path))];
  const [, bytes] = files[1] ?? ['', Buffer.alloc(0)];
  server.fault = (seen, response) =>
    seen.path.endsWith('/uploads') && seen.body.includes(sha256(bytes)) && refuse(response, 413, 'payload_too_large');
  const argv = ['push', path.join(home.path, 'dist'), '-r', 'libs', '--json'];
  const { code, stdout, stderr } = await cli(argv, home.path, { variables: signedIn(server.url) });
  expect(code).toBe(1);
  expect(server.blobs.size).toBe(4);
  expect(stderr).toContain('1 of 5 files were not pushed');
  const lines = stdout
    .toString()
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  expect(lines[1]).toMatchObject({ file: files[1]?.[0], error: { code: 'payload_too_large' } });
});

test('what concerns them all stops them all', async () => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  await tree(home.path);
  server.fault = (_, response) => refuse(response, 403, 'forbidden');
  const argv = ['push', path.join(home.path, 'dist'), '-r', 'libs'];
  const { code, stderr } = await cli(argv, home.path, { variables: signedIn(server.url) });
  expect(code).toBe(3);
  expect(stderr.match(/It is forbidden/g)).toHaveLength(1);
});

test('--dry-run tells what would be sent, and sends nothing', async () => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  const [[file, bytes] = ['', Buffer.alloc(0)]] = await tree(home.path);
  const argv = ['push', file, '-r', 'libs', '--dry-run', '--json'];
  server.fault = (seen, response) => {
    if (!seen.path.endsWith('/blobs')) return false;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{"items":[],"nextCursor":null}');
    return true;
  };
  const { code, stdout, stderr } = await cli(argv, home.path, { variables: signedIn(server.url) });
  expect(code).toBe(0);
  expect(JSON.parse(stdout.toString())).toEqual({
    dryRun: true,
    file,
    repoKey: 'libs',
    digest: sha256(bytes),
    lengthBytes: bytes.length,
    isThere: false,
  });
  expect(stderr).toContain('would be sent');
  expect(server.requests.map((seen) => seen.method)).toEqual(['GET']);
});
