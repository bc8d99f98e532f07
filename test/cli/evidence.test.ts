import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sealAudit } from '../../src/audit/seal.ts';
import { startJobs } from '../access/issuer.ts';
import { readTrail } from '../audit/trail.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes, upload } from '../support/uploading.ts';
import { type CliInput, cli, temporaryFolder } from './support.ts';

let server: TestServer;
let jobs: Awaited<ReturnType<typeof startJobs>>;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const bytes = uniqueBytes(5000);
const digest = sha256(bytes);

const at = (name: string): string => path.join(folder.path, name);

async function run(argv: string[], { stdin = '', ...variables }: CliInput['variables'] & { stdin?: string } = {}) {
  const environment = { ARTIFORTRESS_URL: server.url, ARTIFORTRESS_TOKEN: server.adminToken, ...variables };
  const { code, stdout, stderr } = await cli(argv, folder.path, { variables: environment, stdin });
  return { code, stderr, stdout: stdout.toString() };
}

/** Where no server can be reached. */
const offline = (argv: string[]) => run(argv, { ARTIFORTRESS_URL: 'http://127.0.0.1:1', ARTIFORTRESS_TOKEN: '' });

beforeAll(async () => {
  jobs = await startJobs(['repo:apps:read']);
  server = await startTestServer({ settings: { oidcFile: jobs.oidcFile } });
  folder = await temporaryFolder();
  await server.createRepository('apps');
  await upload(server, 'apps', bytes);
  await sealAudit(server.running.services);
  await writeFile(at('app.tar'), bytes);
  await writeFile(at('keys.json'), (await run(['keys', '--json'])).stdout);
  await writeFile(at('receipt'), (await run(['blob', 'receipt', `apps/${digest}`])).stdout);
  await run(['audit', 'export', '-o', at('trail.ndjson')]);
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
  await server.close();
  await jobs.close();
});

describe('verify', () => {
  const verify = (file: string, ...more: string[]) =>
    offline(['verify', at(file), '--receipt', at('receipt'), ...more]);

  test('says, without a server, that a file is the one that was committed, where, when and by whom', async () => {
    const { code, stdout } = await verify('app.tar', '--keys', at('keys.json'));
    expect(code).toBe(0);
    expect(stdout).toContain(digest);
    expect(stdout).toMatch(/Repository +apps/);
    expect(stdout).toMatch(/by root/);
  });

  test('asks the server for its keys where none are given', async () => {
    expect((await run(['verify', at('app.tar'), '--receipt', at('receipt')])).code).toBe(0);
    expect((await verify('app.tar')).code).toBe(6);
  });

  test('takes PEM too', async () => {
    const { items } = JSON.parse(await readFile(at('keys.json'), 'utf8'));
    await writeFile(at('keys.pem'), items[0].pem);
    expect((await verify('app.tar', '--keys', at('keys.pem'))).code).toBe(0);
  });

  test('refuses another file, also one of the same length', async () => {
    await writeFile(at('other.tar'), uniqueBytes(5000));
    const { code, stderr, stdout } = await verify('other.tar', '--keys', at('keys.json'));
    expect({ code, stdout }).toEqual({ code: 5, stdout: '' });
    expect(stderr).toContain(`the receipt is for ${digest}`);
  });

  test('refuses a receipt that was changed, or signed by somebody else, and says which file is wrong', async () => {
    const envelope = JSON.parse(await readFile(at('receipt'), 'utf8'));
    const statement = JSON.parse(Buffer.from(envelope.payload, 'base64').toString());
    statement.predicate.committedBy = 'mallory';
    const payload = Buffer.from(JSON.stringify(statement)).toString('base64');
    await writeFile(at('forged'), JSON.stringify({ ...envelope, payload }));
    const forged = await offline(['verify', at('app.tar'), '--receipt', at('forged'), '--keys', at('keys.json')]);
    expect(forged.code).toBe(1);
    expect(forged.stderr).toContain('wrong_signature');
    expect((await verify('app.tar', '--keys', at('app.tar'))).stderr).toContain('holds no Ed25519 public key');
    const none = await offline(['verify', at('app.tar'), '--receipt', at('app.tar'), '--keys', at('keys.json')]);
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('is no receipt') });
  });
});

describe('audit verify', () => {
  test('says, without a server, that the trail is the one that was sealed, up to where', async () => {
    const { code, stdout, stderr } = await offline(['audit', 'verify', at('trail.ndjson'), '--keys', at('keys.json')]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('exactly those that were sealed');
    expect(stdout).toMatch(/Checkpoint +[0-9a-f]{64}/);
  });

  test('says so where the keys are only those of the file', async () => {
    const { code, stderr } = await offline(['audit', 'verify', at('trail.ndjson')]);
    expect(code).toBe(0);
    expect(stderr).toContain('--keys');
  });

  test('ends with 1 and names the batch where a row was edited, and where the end is not the one expected', async () => {
    const trail = await readFile(at('trail.ndjson'), 'utf8');
    await writeFile(at('edited.ndjson'), trail.replace('"actor":"root"', '"actor":"toor"'));
    const edited = await offline(['audit', 'verify', at('edited.ndjson')]);
    expect(edited.code).toBe(1);
    expect(edited.stdout).toMatch(/batch 1 .*edited/);
    const report = JSON.parse((await offline(['audit', 'verify', at('trail.ndjson'), '--json'])).stdout);
    expect(report.problems).toEqual([]);
    expect((await offline(['audit', 'verify', at('trail.ndjson'), '--expect', report.lastCheckpoint])).code).toBe(0);
    expect((await offline(['audit', 'verify', at('trail.ndjson'), '--expect', '0'.repeat(64)])).code).toBe(1);
  });
});

describe('audit prove', () => {
  test('proves a row by the server, and from an export without one', async () => {
    const [row] = await readTrail(server, { action: 'upload.committed' });
    const id = row?.auditId ?? '';
    const online = await run(['audit', 'prove', id, '--json']);
    const from = ['--export', at('trail.ndjson'), '--keys', at('keys.json')];
    const fromExport = await offline(['audit', 'prove', id, '--json', ...from]);
    expect([online.code, fromExport.code]).toEqual([0, 0]);
    expect(JSON.parse(fromExport.stdout)).toEqual(JSON.parse(online.stdout));
    expect((await offline(['audit', 'prove', id, ...from])).stdout).toContain('upload.committed by root');
    expect((await offline(['audit', 'prove', '999999', ...from])).code).toBe(4);
  });

  test('proves nothing from an export that was tampered with', async () => {
    const [row] = await readTrail(server, { action: 'upload.committed' });
    const trail = await readFile(at('trail.ndjson'), 'utf8');
    await writeFile(at('tampered.ndjson'), trail.replace('"repoKey":"apps"', '"repoKey":"oops"'));
    const { code, stderr } = await offline(['audit', 'prove', row?.auditId ?? '', '--export', at('tampered.ndjson')]);
    expect(code).toBe(1);
    expect(stderr).toContain('not proved');
  });
});

test('token exchange prints the token of a JWT alone', async () => {
  const stdin = await jobs.jwt(server.clock.now().getTime() / 1000);
  const { code, stdout, stderr } = await run(['token', 'exchange'], { stdin, ARTIFORTRESS_TOKEN: '' });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^aft_\S+\n$/);
  expect(stderr).toContain('oidc:job with repo:apps:read');
});
