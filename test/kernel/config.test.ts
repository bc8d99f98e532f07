import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeConfig, loadConfig } from '../../src/kernel/config.ts';
import { messageOf, StartupError } from '../../src/kernel/errors.ts';
import { SETTING_NAMES, SETTINGS } from '../../src/kernel/settings.ts';

let folder: string;
let nextFile = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'artifortress-config-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function configFile(text: string): Promise<{ ARTIFORTRESS_CONFIG_FILE: string }> {
  nextFile += 1;
  const path = join(folder, `${nextFile}.env`);
  await writeFile(path, text);
  return { ARTIFORTRESS_CONFIG_FILE: path };
}

/** The message that the operator gets. @throws where the settings are taken, or where anything but a StartupError is thrown. */
function refusalOf(environment: Record<string, string>): string {
  try {
    loadConfig(environment);
  } catch (error) {
    if (error instanceof StartupError) return error.message;
    throw new Error(`no StartupError: ${messageOf(error)}`, { cause: error });
  }
  throw new Error('these settings were taken');
}

const shown = (environment: Record<string, string>, name: string) =>
  describeConfig(loadConfig(environment)).find((line) => line.name === name);

test('nothing set is a whole configuration', () => {
  expect(loadConfig({}).settings).toMatchObject({
    port: 8080,
    host: '127.0.0.1',
    uploadTtlSeconds: 86_400,
    partUrlTtlSeconds: 900,
  });
});

test('the data folder becomes absolute', () => {
  expect(loadConfig({ ARTIFORTRESS_DATA_DIR: 'here' }).settings.dataDirectory).toBe(resolve('here'));
});

test('an empty variable is one that is not set', () => {
  expect(loadConfig({ PORT: '', ARTIFORTRESS_BOOTSTRAP_TOKEN: '' }).settings).toMatchObject({ port: 8080 });
});

test('variables of others are none of ours', () => {
  expect(() => loadConfig({ PATH: '/bin', PORTS: '1', DATABASE: 'x', artifortress_port: '1' })).not.toThrow();
});

test.each(['ARTIFORTRESS_URL', 'ARTIFORTRESS_TOKEN'])('%s of the command line is legal', (name) => {
  expect(() => loadConfig({ [name]: 'anything' })).not.toThrow();
});

describe('an unknown name is refused', () => {
  test('by its name', () => {
    expect(refusalOf({ ARTIFORTRESS_NONSENSE_ALTOGETHER: '1' })).toContain('ARTIFORTRESS_NONSENSE_ALTOGETHER');
  });

  test.each([
    ['ARTIFORTRESS_DATADIR', 'ARTIFORTRESS_DATA_DIR'],
    ['ARTIFORTRESS_UPLOAD_TTL_SECOND', 'ARTIFORTRESS_UPLOAD_TTL_SECONDS'],
    ['ARTIFORTRESS_BOOTSTRAP_TOKN', 'ARTIFORTRESS_BOOTSTRAP_TOKEN'],
  ])('%s with the suggestion %s', (name, suggestion) => {
    expect(refusalOf({ [name]: 'value' })).toContain(`did you mean ${suggestion}?`);
  });

  test('without a suggestion where nothing is near', () => {
    expect(refusalOf({ ARTIFORTRESS_NONSENSE_ALTOGETHER: '1' })).not.toContain('did you mean');
  });

  test('without its value', () => {
    expect(refusalOf({ ARTIFORTRESS_BOOTSTRAP_TOKN: 'mistyped-secret-value' })).not.toContain('mistyped-secret-value');
  });

  test('in the file too, whatever it starts with', async () => {
    expect(refusalOf(await configFile('POTR=8081\n'))).toMatch(/POTR.*did you mean PORT\?/);
  });
});

describe('a wrong value is refused by the name of its setting:', () => {
  test.each([
    ['PORT', 'eighty'],
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '80.5'],
    ['PORT', '0x50'],
    ['PORT', '8e1'],
    ['PORT', ' 8080'],
    ['DATABASE_URL', 'mysql://localhost/x'],
    ['DATABASE_URL', 'localhost'],
    ['ARTIFORTRESS_PUBLIC_URL', 'artifacts.example'],
    ['ARTIFORTRESS_PUBLIC_URL', '/artifacts'],
    ['ARTIFORTRESS_PUBLIC_URL', 'ftp://artifacts.example'],
    ['ARTIFORTRESS_PUBLIC_URL', 'https://artifacts.example/?a=b'],
    ['ARTIFORTRESS_PUBLIC_URL', 'https://artifacts.example/#top'],
    ['ARTIFORTRESS_BOOTSTRAP_TOKEN', 'short'],
    ['ARTIFORTRESS_METRICS_TOKEN', 'short'],
    ['ARTIFORTRESS_LOG_LEVEL', 'loud'],
    ['ARTIFORTRESS_WORKER', 'yes'],
    ['ARTIFORTRESS_METRICS_OPEN', '2'],
    ['ARTIFORTRESS_UPLOAD_TTL_SECONDS', '0'],
    ['ARTIFORTRESS_PART_URL_TTL_SECONDS', '604801'],
    ['ARTIFORTRESS_TOKEN_MAX_TTL_MINUTES', '4'],
    ['ARTIFORTRESS_DATABASE_POOL_SIZE', '1'],
  ])('%s=%s', (name, value) => {
    expect(refusalOf({ [name]: value })).toMatch(new RegExp(`^ {2}- ${name}: `, 'm'));
  });
});

test.each([
  ['true', true],
  ['True', true],
  ['1', true],
  ['false', false],
  ['FALSE', false],
  ['0', false],
])('%s is %s, whatever wrote it down', (text, meant) => {
  expect(loadConfig({ ARTIFORTRESS_S3_FORCE_PATH_STYLE: text }).settings.s3ForcePathStyle).toBe(meant);
});

test('a bootstrap secret of 8 characters is taken, one of 7 is not', () => {
  expect(loadConfig({ ARTIFORTRESS_BOOTSTRAP_TOKEN: '12345678' }).settings.bootstrapToken).toBe('12345678');
  expect(refusalOf({ ARTIFORTRESS_BOOTSTRAP_TOKEN: '1234567' })).toContain('at least 8 characters');
});

test('the message shows a wrong value that is no secret', () => {
  expect(refusalOf({ PORT: 'eighty' })).toContain('"eighty"');
});

test('all that is wrong stands in one message, each on a line of its own', async () => {
  const file = await configFile('ARTIFORTRESS_WORKER=perhaps\nARTIFORTRESS_NONSENSE=1\n');
  const message = refusalOf({ ...file, PORT: 'eighty', HOTS: 'x', ARTIFORTRESS_DATADIR: 'x' });
  const named = [...message.matchAll(/^ {2}- (\w+): /gm)].map((match) => match[1] ?? '');
  expect(named.sort()).toEqual(['ARTIFORTRESS_DATADIR', 'ARTIFORTRESS_NONSENSE', 'ARTIFORTRESS_WORKER', 'PORT']);
});

describe('the file of settings', () => {
  test('is read', async () => {
    expect(loadConfig(await configFile('# a comment\nPORT=8081\nHOST="0.0.0.0"\n')).settings).toMatchObject({
      port: 8081,
      host: '0.0.0.0',
    });
  });

  test('comes after the environment', async () => {
    expect(loadConfig({ ...(await configFile('PORT=8081\n')), PORT: '8082' }).settings.port).toBe(8082);
  });

  test('comes before the defaults, and where the environment is empty', async () => {
    expect(loadConfig({ ...(await configFile('PORT=8081\n')), PORT: '' }).settings.port).toBe(8081);
  });

  test('is named with its settings as their source', async () => {
    const { sources } = loadConfig({ ...(await configFile('PORT=8081\n')), HOST: '0.0.0.0' });
    expect([sources.port, sources.host, sources.worker, sources.databaseUrl]).toEqual([
      'file',
      'environment',
      'default',
      'unset',
    ]);
  });

  test('that is not there is refused by its path', () => {
    expect(refusalOf({ ARTIFORTRESS_CONFIG_FILE: '/nowhere/settings.env' })).toContain('/nowhere/settings.env');
  });

  test('that is a folder is refused by its path', () => {
    expect(refusalOf({ ARTIFORTRESS_CONFIG_FILE: folder })).toContain(folder);
  });
});

/** A value for each secret setting: one that is taken, and one that is refused. */
const SECRETS: Record<string, { good: string; bad: string }> = {
  DATABASE_URL: { good: 'postgres://me:pass-word-one@localhost/x', bad: 'mysql://me:pass-word-two@localhost/x' },
  ARTIFORTRESS_BOOTSTRAP_TOKEN: { good: 'bootstrap-secret-value', bad: 'bootstrap-secret-'.repeat(40) },
  ARTIFORTRESS_OTLP_HEADERS: { good: 'x-api-key=collector-secret', bad: 'collector-secret-without-a-name' },
  ARTIFORTRESS_METRICS_TOKEN: { good: 'metrics-secret-value', bad: 'metrics-secret' },
};

test('every secret setting stands in the table of this test', () => {
  const secrets = SETTING_NAMES.map((name) => SETTINGS[name]).filter((definition) => definition.secret);
  expect(Object.keys(SECRETS).sort()).toEqual(secrets.map((definition) => definition.env).sort());
});

describe.each(Object.entries(SECRETS))('the secret %s', (name, { good, bad }) => {
  test('is not in the message that refuses it', () => {
    expect(refusalOf({ [name]: bad })).not.toContain(bad.slice(0, 20));
  });

  test('is not in the message that refuses another setting', () => {
    expect(refusalOf({ [name]: good, PORT: 'eighty' })).not.toContain(good);
  });

  test('is not in what "artifortress config" prints', () => {
    expect(JSON.stringify(describeConfig(loadConfig({ [name]: good })))).not.toContain(good);
  });

  test('is shown as hidden, with its source', () => {
    expect(shown({ [name]: good }, name)).toMatchObject({ value: '(hidden)', source: 'environment' });
  });

  test('that is not set is shown as not set', () => {
    expect(shown({}, name)).toMatchObject({ value: null, source: 'unset' });
  });

  test('of the file is not printed either', async () => {
    expect(JSON.stringify(describeConfig(loadConfig(await configFile(`${name}=${good}\n`))))).not.toContain(good);
  });
});

test('a password in the public URL is refused, and not repeated', () => {
  const message = refusalOf({ ARTIFORTRESS_PUBLIC_URL: 'https://me:a-password@artifacts.example' });
  expect([message.includes('ARTIFORTRESS_PUBLIC_URL'), message.includes('a-password')]).toEqual([true, false]);
});

test('what is printed names every setting, its value and its source', () => {
  const lines = describeConfig(loadConfig({ PORT: '8081' }));
  expect(lines.map((line) => line.name).sort()).toEqual(SETTING_NAMES.map((name) => SETTINGS[name].env).sort());
});

test('a setting that was given is printed with its value', () => {
  expect(shown({ PORT: '8081' }, 'PORT')).toMatchObject({ value: '8081', source: 'environment' });
});

test('the public URL loses the slash at its end', () => {
  expect(loadConfig({ ARTIFORTRESS_PUBLIC_URL: 'https://artifacts.example/base/' }).settings.publicUrl).toBe(
    'https://artifacts.example/base',
  );
});
