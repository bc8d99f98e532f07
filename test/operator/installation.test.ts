import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/kernel/config.ts';
import { startServer } from '../../src/main.ts';
import { suiteLogger } from '../support/suite-logger.ts';
import { createTestDatabase } from '../support/test-database.ts';

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** The command as an operator types it, in a process of its own. */
async function run(command: string[], environment: Record<string, string>): Promise<Outcome> {
  return await new Promise((resolve) => {
    const { PATH = '', HOME = '' } = process.env;
    const options = { env: { PATH, HOME, ...environment } };
    execFile(process.execPath, ['bin/artifortress.js', ...command], options, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, stdout, stderr });
    });
  });
}

test('fsck and gc work on the embedded database beside its running server, and without it', async () => {
  const dataDirectory = await mkdtemp(path.join(tmpdir(), 'artifortress-installation-'));
  const environment = { ARTIFORTRESS_DATA_DIR: dataDirectory };
  try {
    const { settings } = loadConfig(environment);
    const server = await startServer({ settings: { ...settings, port: 0 }, log: suiteLogger() });
    const beside = [await run(['fsck', '--json'], environment), await run(['gc', '--dry-run'], environment)];
    await server.stop();
    const alone = [await run(['fsck', '--json'], environment), await run(['gc'], environment)];
    for (const [fsck, gc] of [beside, alone]) {
      expect([fsck?.code, gc?.code]).toEqual([0, 0]);
      expect(JSON.parse(fsck?.stdout ?? '')).toMatchObject({ blobs: 0, findings: [] });
      expect(gc?.stdout).toContain('No blob waits for its removal');
    }
  } finally {
    await rm(dataDirectory, { recursive: true, force: true });
  }
});

test('a folder without an installation is told, and left empty', async () => {
  const dataDirectory = path.join(tmpdir(), 'artifortress-nothing-here');
  const { code, stderr } = await run(['fsck'], { ARTIFORTRESS_DATA_DIR: dataDirectory });
  expect([code, stderr]).toEqual([1, expect.stringContaining('There is no installation in')]);
});

test('a database that is away is told, with an exit code of its own', async () => {
  const { code, stderr } = await run(['gc'], { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' });
  expect([code, stderr]).toEqual([6, expect.stringContaining('The database is away')]);
});

test('a store that is away is told, and nothing is taken for missing', async () => {
  const database = await createTestDatabase();
  try {
    const { code, stderr } = await run(['fsck', '--repair'], {
      DATABASE_URL: database.url,
      ARTIFORTRESS_S3_BUCKET: 'nowhere',
      ARTIFORTRESS_S3_ENDPOINT: 'http://127.0.0.1:1',
      ARTIFORTRESS_S3_MAX_ATTEMPTS: '1',
      AWS_ACCESS_KEY_ID: 'nobody',
      AWS_SECRET_ACCESS_KEY: 'nothing',
    });
    expect([code, stderr]).toEqual([6, expect.stringContaining('Nothing more was checked')]);
  } finally {
    await database.drop();
  }
});

test.each([
  ['fsck', '--read-data', '0'],
  ['fsck', '--grace', 'soon'],
  ['gc', '--all'],
])('%s %s %s is refused as wrong usage', async (...command) => {
  expect((await run(command, {})).code).toBe(2);
});
