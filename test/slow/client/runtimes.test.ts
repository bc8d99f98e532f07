import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../cli/support.ts';
import { sha256 } from '../../client/fake-answers.ts';
import { startTestServer, type TestServer } from '../../support/test-server.ts';

const run = promisify(execFile);
const REPOSITORY = path.join(import.meta.dirname, '..', '..', '..');
const SMOKE = path.join(import.meta.dirname, 'smoke.ts');
/** Beside the other packages, but none of ours: 200 MB that only this test needs. */
const FOLDER = path.join(REPOSITORY, 'node_modules', '.cache', 'artifortress-runtimes');
const PACKAGES = ['@oven/bun-linux-x64@1.4.5', '@deno/linux-x64-glibc@2.9.6'];

const RUNTIMES = [
  ['Bun', '@oven/bun-linux-x64/bin/bun', ['run', SMOKE]],
  ['Deno', '@deno/linux-x64-glibc/deno', ['run', '--allow-all', '--no-config', SMOKE]],
] as const;

const isPossible = process.platform === 'linux' && process.arch === 'x64';
if (!isPossible)
  console.warn('SKIPPED: the client on Bun and Deno; this test knows their builds for Linux on x64 only.');

let server: TestServer;
beforeAll(async () => {
  await mkdir(FOLDER, { recursive: true });
  const isInstalled = await Promise.all(
    RUNTIMES.map(([, binary]) => access(path.join(FOLDER, 'node_modules', binary))),
  ).then(
    () => true,
    () => false,
  );
  if (isPossible && !isInstalled) {
    await run('npm', ['install', '--prefix', FOLDER, '--no-save', '--no-package-lock', ...PACKAGES]);
  }
  server = await startTestServer();
  await server.createRepository('libs');
}, 300_000);
afterAll(() => server.close());

describe.skipIf(!isPossible)('the client library, without Node', () => {
  test.each(RUNTIMES)(
    '%s pushes a file in parts, a Blob and a stream, pulls, and tells errors by code',
    async (_, binary, args) => {
      await using folder = await temporaryFolder();
      const file = path.join(folder.path, 'file');
      const bytes = randomBytes(11 * 1024 * 1024);
      await writeFile(file, bytes);
      const smoke = { url: server.url, token: server.adminToken, file };
      const { stdout } = await run(path.join(FOLDER, 'node_modules', binary), [...args], {
        env: { PATH: process.env.PATH, HOME: folder.path, SMOKE: JSON.stringify(smoke) },
        timeout: 60_000,
      });
      expect(JSON.parse(stdout)).toMatchObject({
        fromPath: { digest: sha256(bytes), deduped: false, sentBytes: bytes.length },
        pulledBytes: bytes.length,
        fromBlob: { repoKey: 'libs' },
        fromStream: { repoKey: 'libs' },
        code: 'not_found',
      });
    },
  );
});
