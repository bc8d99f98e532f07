import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findProgram } from '../../../scripts/bench/programs.ts';
import { findCheckers, outcomeOf } from './checkers.ts';

const DEPLOY = join(import.meta.dirname, '..', '..', '..', 'deploy');

const checkers = await findCheckers();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'artifortress-deploy-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe.skipIf(checkers === null)('what containers are made and run by', () => {
  test('the Dockerfile is clean by hadolint', async () => {
    const checked = await checkers?.check('hadolint', '--failure-threshold', 'style', join(DEPLOY, 'Dockerfile'));
    expect(checked?.code, checked?.output).toBe(0);
  });

  test('the compose file follows the Compose specification', async () => {
    const file = join(DEPLOY, 'compose', 'compose.yaml');
    const checked = await checkers?.check('compose-spec', '-no-interpolation', file);
    expect(checked?.code, checked?.output).toBe(0);
  });

  test('the reader of the compose file refuses a key that there is not', async () => {
    const file = join(folder, 'compose.yaml');
    const text = await readFile(join(DEPLOY, 'compose', 'compose.yaml'), 'utf8');
    await writeFile(file, text.replace('stop_grace_period', 'stop_grace'));
    expect((await checkers?.check('compose-spec', '-no-interpolation', file))?.code).not.toBe(0);
  });
});

/** Whether a program is here; in CI it has to be. */
function has(program: string, what: string): boolean {
  if (findProgram(program) !== null) return true;
  if (process.env.CI === 'true') throw new Error(`${program} must be installed in CI`);
  process.stderr.write(`\n*** ${what} IS NOT CHECKED: there is no ${program}. apt-get install brings it.\n\n`);
  return false;
}

describe.skipIf(!has('nginx', 'THE CONFIGURATION OF NGINX'))('the proxy', () => {
  test('its configuration is accepted by nginx', async () => {
    const checked = await outcomeOf('nginx', ['-t', '-q', '-c', join(DEPLOY, 'compose', 'nginx.conf')]);
    expect(checked.code, checked.output).toBe(0);
  });
});

describe.skipIf(!has('systemd-analyze', 'THE UNIT'))('the systemd unit', () => {
  let unit: string;

  beforeAll(async () => {
    unit = join(folder, 'artifortress.service');
    const text = await readFile(join(DEPLOY, 'systemd', 'artifortress.service'), 'utf8');
    // What it starts is not installed here.
    await writeFile(unit, text.replace('/opt/artifortress/node_modules/.bin/artifortress', process.execPath));
  });

  test('it is understood whole', async () => {
    const verified = await outcomeOf('systemd-analyze', ['verify', '--man=no', unit]);
    expect(verified).toEqual({ code: 0, output: '' });
  });

  test('it is understood whole with each change of it that the guide gives', async () => {
    const guide = await readFile(join(DEPLOY, 'README.md'), 'utf8');
    const changes = [...guide.matchAll(/^```ini\n([\s\S]*?)^```$/gm)].map(([, content = '']) => content);
    expect(changes.length).toBeGreaterThan(0);
    const added = `${unit}.d`;
    await mkdir(added);
    for (const [index, change] of changes.entries()) await writeFile(join(added, `${index}.conf`), change);
    const verified = await outcomeOf('systemd-analyze', ['verify', '--man=no', unit]);
    await rm(added, { recursive: true });
    expect(verified).toEqual({ code: 0, output: '' });
  });

  test('it exposes little: a rating of 1.5 at most, of 10', async () => {
    const rated = await outcomeOf('systemd-analyze', [
      'security',
      '--offline=yes',
      '--threshold=15',
      '--no-pager',
      unit,
    ]);
    expect(rated.code, rated.output).toBe(0);
  });

  test('its user and its folders are made by sysusers and tmpfiles', async () => {
    await mkdir(join(folder, 'etc'), { recursive: true });
    const users = await outcomeOf('systemd-sysusers', [
      `--root=${folder}`,
      join(DEPLOY, 'systemd', 'artifortress.sysusers.conf'),
    ]);
    expect(users.code, users.output).toBe(0);
    expect(await readFile(join(folder, 'etc', 'passwd'), 'utf8')).toContain('artifortress:');
    const made = await outcomeOf('systemd-tmpfiles', [
      `--root=${folder}`,
      '--create',
      join(DEPLOY, 'systemd', 'artifortress.tmpfiles.conf'),
    ]);
    expect(made.code, made.output).toBe(0);
    expect(await readFile(join(folder, 'etc', 'artifortress', 'artifortress.conf'), 'utf8')).toBe('');
  });
});
