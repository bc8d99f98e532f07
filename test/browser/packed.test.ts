import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const run = promisify(execFile);
const REPOSITORY = join(import.meta.dirname, '..', '..');
/** What the build needs and the package must do without. */
const BUILD_TOOLS = ['esbuild', '@esbuild', 'preact', 'typescript'];

let folder: string;
let database: TestDatabase;
let server: ChildProcess;
let url: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'artifortress-packed-'));
  const installed = await installPacked();
  database = await createTestDatabase();
  server = spawn(process.execPath, [join(installed, 'bin', 'artifortress.js'), 'serve'], {
    env: {
      PATH: process.env.PATH,
      PORT: '0',
      DATABASE_URL: database.url,
      ARTIFORTRESS_DATA_DIR: join(folder, 'data'),
      ARTIFORTRESS_BOOTSTRAP_TOKEN: 'bootstrap-of-the-packed-package',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  url = await addressOf(server);
}, 180_000);

afterAll(async () => {
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGTERM');
  await ended;
  await database.drop();
  await rm(folder, { recursive: true });
});

test('the packed package serves the console without the tools that it was built with', async () => {
  const page = await fetch(`${url}/console`);
  expect(page.status).toBe(200);
  const names = [...(await page.text()).matchAll(/"(console\/assets\/[^"]+)"/g)].map(([, name = '']) => name);
  expect(names).toHaveLength(2);
  for (const name of [...names, 'console/assets/hash-worker.js']) {
    const file = await fetch(`${url}/${name}`);
    expect([name, file.status]).toEqual([name, 200]);
    expect((await file.text()).length).toBeGreaterThan(500);
  }
});

/** As `npm install` of the tarball would, with the dependencies that are here already. */
async function installPacked(): Promise<string> {
  await run('npm', ['pack', '--pack-destination', folder], { cwd: REPOSITORY });
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz')) ?? '';
  const modules = join(folder, 'node_modules');
  await mkdir(modules);
  for (const name of await readdir(join(REPOSITORY, 'node_modules'))) {
    if (!BUILD_TOOLS.includes(name)) await symlink(join(REPOSITORY, 'node_modules', name), join(modules, name));
  }
  const installed = join(modules, 'artifortress');
  await mkdir(installed);
  await run('tar', ['-xzf', join(folder, tarball), '-C', installed, '--strip-components=1']);
  return installed;
}

/** Where it says that it listens. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const take = (chunk: Buffer): void => {
      output += chunk.toString();
      const found = /ready on (http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    child.once('exit', (code) => reject(new Error(`the server ended with ${String(code)}: ${output}`)));
  });
}
