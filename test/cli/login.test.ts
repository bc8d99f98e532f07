import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { refuse } from '../client/fake-answers.ts';
import { startFakeServer } from '../client/fake-server.ts';
import { cli, temporaryFolder } from './support.ts';

const credentialsIn = (home: string) => path.join(home, '.config', 'artifortress', 'credentials.json');

test('a token is kept for its server once the server has accepted it, readable by its owner alone', async () => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  const login = await cli(['login', '--url', `${server.url}/`, '--token-stdin'], home.path, { stdin: 'aft_secret\n' });
  expect(login).toMatchObject({ code: 0 });
  expect(login.stderr).toContain('as alice');
  expect(`${login.stdout.toString()}${login.stderr}`).not.toContain('aft_secret');

  const file = credentialsIn(home.path);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await stat(path.dirname(file))).mode & 0o777).toBe(0o700);

  const whoami = await cli(['whoami', '--json'], home.path);
  expect(JSON.parse(whoami.stdout.toString())).toMatchObject({ url: server.url, subject: 'alice' });
  expect(server.requests.at(-1)?.headers.authorization).toBe('Bearer aft_secret');

  expect(await cli(['logout'], home.path)).toMatchObject({ code: 0 });
  expect(await readFile(file, 'utf8')).not.toContain('aft_secret');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await cli(['whoami', '--url', server.url], home.path)).toMatchObject({ code: 3 });
});

test('a token that the server refuses is not kept', async () => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  server.fault = (_, response) => refuse(response, 401, 'unauthorized');
  const login = await cli(['login', '--url', server.url, '--token-stdin'], home.path, { stdin: 'aft_wrong' });
  expect(login.code).toBe(3);
  expect(login.stderr).toContain('(request req-1)');
  await expect(stat(credentialsIn(home.path))).rejects.toThrow('ENOENT');
});

test('the environment wins over the stored login, and a stored token never goes to another server', async () => {
  await using server = await startFakeServer();
  await using other = await startFakeServer();
  await using home = await temporaryFolder();
  await cli(['login', '--url', server.url, '--token-stdin'], home.path, { stdin: 'aft_stored' });

  await cli(['whoami'], home.path, { variables: { ARTIFORTRESS_TOKEN: 'aft_env' } });
  expect(server.requests.at(-1)?.headers.authorization).toBe('Bearer aft_env');

  const elsewhere = await cli(['whoami'], home.path, { variables: { ARTIFORTRESS_URL: other.url } });
  expect(elsewhere.code).toBe(3);
  expect(other.requests).toHaveLength(0);
});

test('XDG_CONFIG_HOME says where, and a damaged file says what to do', async () => {
  await using home = await temporaryFolder();
  const folder = path.join(home.path, 'xdg', 'artifortress');
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'credentials.json'), '{"version":');
  const variables = { XDG_CONFIG_HOME: path.join(home.path, 'xdg') };
  const { code, stderr } = await cli(['whoami'], home.path, { variables });
  expect(code).toBe(2);
  expect(stderr).toContain('sign in again');
});

test.each(['', '  \n', 'two words'])('standard input of "%s" is no token', async (stdin) => {
  await using home = await temporaryFolder();
  const { code, stderr } = await cli(['login', '--url', 'http://127.0.0.1:9', '--token-stdin'], home.path, { stdin });
  expect(code).toBe(2);
  expect(stderr).toContain('holds no token');
});
