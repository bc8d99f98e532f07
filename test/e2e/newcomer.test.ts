import { afterAll, beforeAll, expect, test } from 'vitest';
import { arrive, type Newcomer, processesOf, readmeBlocks, type Started, start, stop, type } from './newcomer.ts';

/** Several times the Node binary: more than 300 MB, and real. */
const MAKE_LARGE_FILE = 'N=node_modules/.bin/node; cat $N $N $N > large.bin && sha256sum large.bin | cut -d" " -f1';

let newcomer: Newcomer;
let server: Started;
let blocks: string[];
let bootstrapToken = '';
let token = '';
let digest = '';

/** What a person would have in the environment by now. */
const signedIn = (script: string) => `export ARTIFORTRESS_TOKEN=${token}\n${script}`;

beforeAll(async () => {
  newcomer = await arrive();
  blocks = await readmeBlocks(newcomer);
});

afterAll(async () => {
  for (const pid of await processesOf(newcomer.folder)) process.kill(pid, 'SIGKILL');
  await newcomer.remove();
});

test('the first block of the README installs and starts the server, which says what to do next', async () => {
  expect(blocks[0]?.trim()).toBe('npm ci && npm start');
  const installed = await type(newcomer, 'npm ci');
  expect(installed.code, installed.stderr).toBe(0);
  server = await start(newcomer);
  bootstrapToken = /aftboot_\S+/.exec(server.output)?.[0] ?? '';
  expect(bootstrapToken).not.toBe('');
  for (const command of ['token issue', 'artifortress push', 'artifortress pull'])
    expect(server.output).toContain(command);
});

test('the other blocks of the README, typed one after the other, push a file and pull it back', async () => {
  const typed = await type(newcomer, blocks.slice(1).join('\n'), `${bootstrapToken}\n`);
  expect(typed.code, typed.stderr).toBe(0);
  expect(typed.stdout).toContain('identical');
  expect(typed.stderr).toContain('already there, no byte sent');
  expect(typed.stdout).toContain('"deduped":false');
  expect(typed.stdout).toContain('upload.committed');
});

test('a file of more than 300 MB comes back byte for byte in another process', async () => {
  const issued = await type(
    newcomer,
    `ARTIFORTRESS_BOOTSTRAP_TOKEN=${bootstrapToken} npx artifortress token issue --subject ci --scope 'repo:*:admin' --quiet`,
  );
  token = issued.stdout.trim();
  expect(token).toMatch(/^aft_/);
  digest = (await type(newcomer, MAKE_LARGE_FILE)).stdout.trim();
  const pushed = await type(newcomer, signedIn('npx artifortress push large.bin --repo demo'));
  expect(pushed.code, pushed.stderr).toBe(0);
  expect(pushed.stdout.trim()).toBe(digest);
  const pulled = await type(
    newcomer,
    signedIn(`npx artifortress pull demo/${digest} -o large.copy && cmp large.bin large.copy`),
  );
  expect(pulled.code, pulled.stderr).toBe(0);
});

test('the second push sends no byte', async () => {
  const before = await type(newcomer, signedIn('npx artifortress upload list demo --json'));
  const pushed = await type(newcomer, signedIn('npx artifortress push large.bin --repo demo'));
  expect(pushed.stderr).toContain('already there, no byte sent');
  const after = await type(newcomer, signedIn('npx artifortress upload list demo --json'));
  const added = JSON.parse(after.stdout).items.length - JSON.parse(before.stdout).items.length;
  expect(added).toBe(1);
  expect(JSON.parse(after.stdout).items[0]).toMatchObject({ state: 'committed', deduped: true });
});

test('other bytes than were declared are refused, and nothing of them is visible', async () => {
  const wrong = '1'.padStart(64, '0');
  const put = await type(
    newcomer,
    signedIn(
      `curl -sS -T README.md -H "Authorization: Bearer $ARTIFORTRESS_TOKEN" $ARTIFORTRESS_URL/v1/repos/demo/blobs/${wrong}`,
    ),
  );
  expect(JSON.parse(put.stdout)).toMatchObject({ error: 'upload_verification_failed', expectedDigest: wrong });
  const pulled = await type(
    newcomer,
    signedIn(`npx artifortress pull demo/${wrong} -o nothing || echo "exit $?"; test ! -e nothing`),
  );
  expect(pulled.stdout).toBe('exit 4\n');
});

test('a range of it is exactly that range', async () => {
  const curl = `curl -sS -r 1000000-1999999 -H "Authorization: Bearer $ARTIFORTRESS_TOKEN" $ARTIFORTRESS_URL/v1/repos/demo/blobs/${digest}`;
  const same = await type(newcomer, signedIn(`cmp <(${curl}) <(tail -c +1000001 large.bin | head -c 1000000)`));
  expect(same.code, same.stderr).toBe(0);
});

test('SIGTERM stops the server and its PostgreSQL, and a restart has the same data and no new secret', async () => {
  expect(await stop(server, 'SIGTERM')).toBe(0);
  expect(await processesOf(newcomer.folder)).toEqual([]);
  server = await start(newcomer);
  expect(server.output).not.toContain('aftboot_');
  const pulled = await type(newcomer, signedIn(`npx artifortress pull demo/${digest} -o - | cmp - large.bin`));
  expect(pulled.code, pulled.stderr).toBe(0);
});

test('after kill -9 no PostgreSQL is left, and the next start just works', async () => {
  await stop(server, 'SIGKILL');
  await expect.poll(() => processesOf(newcomer.folder), { timeout: 10_000 }).toEqual([]);
  server = await start(newcomer);
  const listed = await type(newcomer, signedIn('npx artifortress repo list --json'));
  expect(JSON.parse(listed.stdout).items).toHaveLength(1);
});

test('a second server on the same data is refused, and told who holds it', async () => {
  const second = await type(newcomer, `PORT=0 npm start`);
  expect(second.code).toBe(1);
  expect(second.stderr).toContain(`${server.serverPid}`);
});

test('a wrong setting is named at the start, and printed settings hide secrets', async () => {
  const wrong = await type(newcomer, 'ARTIFORTRESS_UPLOAD_TTL=60 PORT=http npm start');
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain('ARTIFORTRESS_UPLOAD_TTL_SECONDS');
  expect(wrong.stderr).toContain('PORT');
  const shown = await type(newcomer, 'DATABASE_URL=postgres://me:hunter2@db/x npx artifortress config');
  expect(shown.stdout).toContain('ARTIFORTRESS_PART_URL_TTL_SECONDS');
  expect(shown.stdout).not.toContain('hunter2');
});

test('Ctrl-C stops it cleanly', async () => {
  expect(await stop(server, 'SIGINT')).toBe(0);
  expect(await processesOf(newcomer.folder)).toEqual([]);
});
