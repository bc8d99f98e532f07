import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newTokenSecret } from '../../src/access/model.ts';
import { findLeaks } from './log-secrets.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'artifortress-leaks-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test.each([
  ['a token', newTokenSecret((count) => crypto.getRandomValues(Buffer.alloc(count)))],
  ['a bootstrap secret', `aftboot_${'x'.repeat(43)}`],
  ['a part URL', '/v1/store/blobs/x?part=1&signature=abc'],
  ['a presigned URL', 'http://s3/bucket/key?X-Amz-Algorithm=a&X-Amz-Signature=abc'],
  ['a JWT', `${Buffer.from('{"alg":"RS256"}').toString('base64url')}.${'a'.repeat(20)}.${'b'.repeat(20)}`],
  ['a database URL', 'postgres://user:password@localhost/db'],
  ['a key', '-----BEGIN PRIVATE KEY-----'],
  ['a header', '{"authorization":"Basic x"}'],
])('the search of the whole run’s log finds %s', async (_name, secret) => {
  await writeFile(join(folder, 'a.log'), `{"msg":"plain"}\n{"msg":"with ${secret} in it"}\n`);
  expect(await findLeaks(folder)).toMatchObject([{ file: 'a.log', line: 2 }]);
});

test('the search takes no plain line for a secret', async () => {
  const plain = { path: '/v1/repos/a/uploads/0190', msg: 'request', url: 'http://127.0.0.1:8080/', at: '12:00' };
  await writeFile(join(folder, 'a.log'), `${JSON.stringify(plain)}\n`);
  expect(await findLeaks(folder)).toEqual([]);
});
