import { execFileSync, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256 } from '../client/fake-answers.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { cli, temporaryFolder } from './support.ts';

const BYTES = Buffer.from('what the repository holds');
const DIGEST = sha256(BYTES);

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('libs');
  await server.request('PUT', `/v1/repos/libs/blobs/${DIGEST}`, { body: BYTES });
});
afterAll(() => server.close());

async function run(argv: readonly string[], variables: Record<string, string> = {}, stdin = '') {
  await using home = await temporaryFolder();
  return await runIn(home.path, argv, variables, stdin);
}

async function runIn(home: string, argv: readonly string[], variables: Record<string, string> = {}, stdin = '') {
  const signedIn = { ARTIFORTRESS_URL: server.url, ARTIFORTRESS_TOKEN: server.adminToken, ...variables };
  const { code, stdout, stderr } = await cli(argv, home, { variables: signedIn, stdin });
  return { code, stdout: stdout.toString(), stderr };
}

describe('looking around', () => {
  test('ls lists repositories, what one holds, and what of that begins so', async () => {
    expect((await run(['ls'])).stdout).toContain('libs');
    expect((await run(['ls', 'libs'])).stdout).toContain(DIGEST);
    expect(JSON.parse((await run(['ls', `libs/${DIGEST.slice(0, 8)}`, '--json'])).stdout).items).toHaveLength(1);
    const other = DIGEST.startsWith('0') ? '1' : '0';
    expect(JSON.parse((await run(['ls', `libs/${other}`, '--json'])).stdout).items).toHaveLength(0);
  });

  test('stat shows one blob', async () => {
    expect(JSON.parse((await run(['stat', `libs/${DIGEST}`, '--json'])).stdout)).toMatchObject({
      digest: DIGEST,
      length: BYTES.length,
    });
  });

  test.each([
    [[], BYTES.toString()],
    [['--range', '0-3'], 'what'],
    [['--range', '20-'], 'holds'],
    [['--range=-5'], 'holds'],
  ])('cat %j prints these bytes', async (args, expected) => {
    expect(await run(['cat', `libs/${DIGEST}`, ...args])).toMatchObject({ code: 0, stdout: expected });
  });

  test('a range that is none is wrong usage', async () => {
    expect(await run(['cat', `libs/${DIGEST}`, '--range', 'all'])).toMatchObject({ code: 2 });
  });
});

describe('verify against the server', () => {
  test.each([
    ['the very bytes', BYTES, 0],
    ['other bytes', Buffer.from('other'), 5],
  ])('%s end with their exit code', async (_, bytes, code) => {
    await using home = await temporaryFolder();
    const file = path.join(home.path, 'file');
    await writeFile(file, bytes);
    const verified = await runIn(home.path, ['verify', file, '--repo', 'libs']);
    expect(verified).toMatchObject({ code });
    expect(code === 0 ? verified.stdout : verified.stderr).toContain(sha256(bytes));
  });

  test('with neither a receipt nor a repository it says what is missing', async () => {
    expect(await run(['verify', import.meta.filename])).toMatchObject({ code: 2 });
  });
});

describe('named servers', () => {
  const noAddress = { ARTIFORTRESS_URL: '', ARTIFORTRESS_TOKEN: '' };

  test('a name stands for the address it was given at login, and --use switches', async () => {
    await using home = await temporaryFolder();
    const login = ['login', '--url', server.url, '--token-stdin', '--name', 'work'];
    expect(await runIn(home.path, login, noAddress, server.adminToken)).toMatchObject({ code: 0 });
    expect((await runIn(home.path, ['whoami', '--url', 'work', '--json'], noAddress)).stdout).toContain(server.url);
    const list = await runIn(home.path, ['login', '--list', '--json'], noAddress);
    expect(JSON.parse(list.stdout).items).toMatchObject([{ url: server.url, name: 'work', isCurrent: true }]);
    expect(list.stdout).not.toContain(server.adminToken);
    expect(await runIn(home.path, ['login', '--use', 'work'], noAddress)).toMatchObject({ code: 0 });
    expect(await runIn(home.path, ['login', '--use', 'http://other.example'], noAddress)).toMatchObject({ code: 2 });
  });
});

describe('doctor', () => {
  const findings = (stdout: string): Record<string, { status: string; advice: string | null }> =>
    Object.fromEntries(JSON.parse(stdout).findings.map((one: { check: string }) => [one.check, one]));

  test('finds a healthy installation healthy, sends a part from here, and leaves no session open', async () => {
    const { code, stdout } = await run(['doctor', '--repo', 'libs', '--json']);
    const found = findings(stdout);
    // The test owns the server's clock, not the HTTP server's.
    expect(Object.values(found).filter(({ status }) => status === 'failed')).toEqual([]);
    expect(Object.keys(found)).toEqual(['network', 'server', 'clock', 'readiness', 'token', 'upload']);
    expect(found.upload?.status).toBe('ok');
    expect(code).toBe(0);
    const open = await server.request('GET', '/v1/repos/libs/uploads?state=parts_uploading');
    expect(open.json.items).toEqual([]);
  });

  test.each([
    ['network', { ARTIFORTRESS_URL: 'http://127.0.0.1:1' }],
    ['network', { ARTIFORTRESS_URL: 'http://no-such-host.invalid' }],
    ['token', { ARTIFORTRESS_TOKEN: 'aft_wrong' }],
    ['token', { ARTIFORTRESS_TOKEN: '' }],
  ])('says that the %s is at fault with %j, and what to do', async (check, variables) => {
    const { code, stdout } = await run(['doctor', '--json'], variables);
    expect(code).toBe(1);
    expect(findings(stdout)[check]).toMatchObject({ status: 'failed', advice: expect.stringMatching(/\w/) });
  });
});

describe('what is made of the commands', () => {
  const BIN = path.join(import.meta.dirname, '..', '..', 'bin', 'artifortress.js');
  const hasShell = (shell: string): boolean => spawnSync(shell, ['-c', 'true']).status === 0;

  test.each(['bash', 'zsh', 'fish'])(
    'the completion of %s is made, and parses where that shell is there',
    async (shell) => {
      const { code, stdout } = await run(['completion', shell]);
      expect(code).toBe(0);
      expect(stdout).toContain('no-resume');
      if (hasShell(shell)) expect(spawnSync(shell, ['-n'], { input: stdout, encoding: 'utf8' }).stderr).toBe('');
    },
  );

  test.each([
    ['artifortress pu', ['push', 'pull']],
    ['artifortress repo cr', ['create']],
    ['artifortress repo create --ty', ['--type']],
    ['artifortress repo create x --type v', ['virtual']],
    ['artifortress push --no', ['--no-resume']],
  ])('bash completes "%s"', async (line, expected) => {
    const { stdout } = await run(['completion', 'bash']);
    const words = line.split(' ');
    const script = `${stdout}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
_artifortress; printf '%s\\n' "\${COMPREPLY[@]}"`;
    expect(execFileSync('bash', { input: script, encoding: 'utf8' }).trim().split('\n')).toEqual(expected);
  });

  test('every command has help with an example, and an unknown shell is wrong usage', async () => {
    const names = execFileSync(process.execPath, [BIN, '--help'], { encoding: 'utf8' })
      .split('\n')
      .flatMap((line) => /^ {2}([a-z]+)(?:\|\w+)? /.exec(line)?.[1] ?? []);
    expect(names).toContain('doctor');
    for (const name of new Set(names)) {
      const { code, stdout } = await run([name, '--help']);
      expect(code).toBe(0);
      if (!/^Commands:/m.test(stdout)) expect(stdout, name).toContain('$ ');
      // A default is shown as one would type it.
      expect(stdout, name).not.toMatch(/default:\s+[[{]/);
    }
    expect(await run(['completion', 'tcsh'])).toMatchObject({ code: 2 });
  });
});
