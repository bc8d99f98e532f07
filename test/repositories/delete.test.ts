import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readTrail } from '../audit/trail.ts';
import { expectError } from '../http/expect-error.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { complete, createSession, sendPart, sha256, uniqueBytes, upload } from '../support/uploading.ts';

let server: TestServer;
let nextKey = 0;

const DELETION_DELAY_SECONDS = 600;

beforeAll(async () => {
  server = await startTestServer({ settings: { deletionDelaySeconds: DELETION_DELAY_SECONDS } });
});

afterAll(() => server.close());

async function freshRepository(): Promise<string> {
  nextKey += 1;
  await server.createRepository(`repo-${nextKey}`);
  return `repo-${nextKey}`;
}

const remove = (repoKey: string, token?: string) =>
  server.request('DELETE', `/v1/repos/${repoKey}`, token === undefined ? {} : { token });

test('a deleted repository is answered with its key', async () => {
  const repoKey = await freshRepository();
  const reply = await remove(repoKey);
  expect({ status: reply.status, body: reply.json }).toEqual({ status: 200, body: { repoKey, status: 'deleted' } });
});

describe('a deleted repository is hidden at once from', () => {
  test.each([
    ['GET', ''],
    ['GET', '/bindings'],
    ['PUT', '/bindings/alice'],
    ['DELETE', '/bindings/alice'],
    ['GET', '/uploads'],
    ['POST', '/uploads'],
    ['GET', '/blobs'],
    ['DELETE', ''],
  ])('%s of the repository%s', async (method, suffix) => {
    const repoKey = await freshRepository();
    await remove(repoKey);
    const bodies: Record<string, unknown> = {
      'PUT /bindings/alice': { roles: ['read'] },
      'POST /uploads': { expectedDigest: sha256(uniqueBytes(5)), expectedLength: 5 },
    };
    const json = bodies[`${method} ${suffix}`];
    const reply = await server.request(method, `/v1/repos/${repoKey}${suffix}`, json === undefined ? {} : { json });
    expectError(reply, 404, 'not_found');
  });

  test('the list', async () => {
    const repoKey = await freshRepository();
    await remove(repoKey);
    const { json } = await server.request('GET', '/v1/repos?limit=500');
    expect(json.items.map((item: { repoKey: string }) => item.repoKey)).not.toContain(repoKey);
  });

  test('who reads its blobs', async () => {
    const repoKey = await freshRepository();
    const bytes = uniqueBytes();
    await upload(server, repoKey, bytes);
    await remove(repoKey);
    expectError(await server.request('GET', `/v1/repos/${repoKey}/blobs/${sha256(bytes)}`), 404, 'not_found');
  });

  test('who would save the bytes of an upload by what it held', async () => {
    const [repoKey, other] = [await freshRepository(), await freshRepository()];
    const bytes = uniqueBytes();
    await upload(server, repoKey, bytes);
    await remove(repoKey);
    expect((await createSession(server, other, bytes)).created.status).toBe(201);
  });
});

describe('its live sessions', () => {
  async function sessionsInEachLiveState(repoKey: string) {
    const bytes = uniqueBytes();
    const initiated = await createSession(server, repoKey, uniqueBytes());
    const uploading = await createSession(server, repoKey, uniqueBytes());
    await server.request('POST', `${uploading.path}/parts`, { json: { partNumber: 1 } });
    const pending = await createSession(server, repoKey, bytes);
    await complete(server, pending, await sendPart(server, pending, bytes));
    return { initiated, uploading, pending };
  }

  test('are aborted, each with its row and the reason', async () => {
    const repoKey = await freshRepository();
    const sessions = await sessionsInEachLiveState(repoKey);
    await remove(repoKey);
    const rows = await readTrail(server, { action: 'upload.aborted' });
    expect(rows.filter((row) => row.repoKey === repoKey)).toEqual(
      expect.arrayContaining(
        Object.values(sessions).map(({ uploadId }) =>
          expect.objectContaining({
            resourceId: uploadId,
            actor: 'root',
            details: expect.objectContaining({ reason: 'repository_deleted' }),
          }),
        ),
      ),
    );
  });

  test('take no more bytes', async () => {
    const repoKey = await freshRepository();
    const session = await createSession(server, repoKey, uniqueBytes());
    const signed = await server.request('POST', `${session.path}/parts`, { json: { partNumber: 1 } });
    await remove(repoKey);
    const put = await server.request('PUT', signed.json.uploadUrl, { token: null, body: 'bytes' });
    expectError(put, 409, 'conflict');
  });

  test('that had ended get no row', async () => {
    const repoKey = await freshRepository();
    const bytes = uniqueBytes();
    await upload(server, repoKey, bytes);
    const aborted = await createSession(server, repoKey, uniqueBytes());
    await server.request('POST', `${aborted.path}/abort`);
    await remove(repoKey);
    const rows = await readTrail(server, { action: 'upload.aborted' });
    expect(rows.filter((row) => row.repoKey === repoKey)).toMatchObject([{ details: { reason: 'client_abort' } }]);
  });

  test('of other repositories go on', async () => {
    const [repoKey, other] = [await freshRepository(), await freshRepository()];
    const session = await createSession(server, other, uniqueBytes());
    await remove(repoKey);
    expect((await server.request('GET', session.path)).json.state).toBe('initiated');
  });
});

describe('its references', () => {
  test('are dropped by the worker, each with its row', async () => {
    const repoKey = await freshRepository();
    const bytes = [uniqueBytes(), uniqueBytes()];
    for (const each of bytes) await upload(server, repoKey, each);
    await remove(repoKey);
    await server.runWorker();
    const rows = await readTrail(server, { action: 'blob.reference.deleted' });
    expect(
      rows
        .filter((row) => row.repoKey === repoKey)
        .map((row) => `${row.actor} ${row.resourceId}`)
        .sort(),
    ).toEqual(bytes.map((each) => `system ${sha256(each)}`).sort());
  });

  test('are dropped once, however often the worker comes', async () => {
    const repoKey = await freshRepository();
    const bytes = uniqueBytes();
    await upload(server, repoKey, bytes);
    await remove(repoKey);
    await server.runWorker();
    await server.runWorker();
    expect(await readTrail(server, { action: 'blob.reference.deleted', resourceId: sha256(bytes) })).toHaveLength(1);
  });

  test('do not take the blobs of other repositories with them', async () => {
    const [repoKey, other] = [await freshRepository(), await freshRepository()];
    const bytes = uniqueBytes();
    await upload(server, repoKey, bytes);
    await upload(server, other, bytes);
    await remove(repoKey);
    await server.runWorker();
    server.clock.advance({ seconds: DELETION_DELAY_SECONDS + 1 });
    await server.runWorker();
    expect((await server.request('GET', `/v1/repos/${other}/blobs/${sha256(bytes)}`)).bytes.equals(bytes)).toBe(true);
  });

  test('let the bytes go once the delay is over', async () => {
    const repoKey = await freshRepository();
    const bytes = uniqueBytes();
    await upload(server, repoKey, bytes);
    await remove(repoKey);
    await server.runWorker();
    server.clock.advance({ seconds: DELETION_DELAY_SECONDS + 1 });
    await server.runWorker();
    expect(await readTrail(server, { action: 'blob.object.deleted', resourceId: sha256(bytes) })).toMatchObject([
      { actor: 'system' },
    ]);
  });
});

describe('a new repository of the same key', () => {
  test('is there at once', async () => {
    const repoKey = await freshRepository();
    await remove(repoKey);
    const reply = await server.request('POST', '/v1/repos', { json: { repoKey, repoType: 'local' } });
    expect(reply.status).toBe(201);
  });

  test.each(['blobs', 'uploads', 'bindings'])('has no %s, even before the worker came', async (kind) => {
    const repoKey = await freshRepository();
    await upload(server, repoKey, uniqueBytes());
    await createSession(server, repoKey, uniqueBytes());
    await server.request('PUT', `/v1/repos/${repoKey}/bindings/alice`, { json: { roles: ['read'] } });
    await remove(repoKey);
    await server.createRepository(repoKey);
    expect((await server.request('GET', `/v1/repos/${repoKey}/${kind}`)).json.items).toEqual([]);
  });

  test('keeps what it gets while the worker drops what the old one had', async () => {
    const repoKey = await freshRepository();
    const bytes = uniqueBytes();
    await upload(server, repoKey, bytes);
    await remove(repoKey);
    await server.createRepository(repoKey);
    await upload(server, repoKey, bytes);
    await server.runWorker();
    server.clock.advance({ seconds: DELETION_DELAY_SECONDS + 1 });
    await server.runWorker();
    expect((await server.request('GET', `/v1/repos/${repoKey}/blobs/${sha256(bytes)}`)).bytes.equals(bytes)).toBe(true);
  });

  test('does not find the sessions of the old one', async () => {
    const repoKey = await freshRepository();
    const session = await createSession(server, repoKey, uniqueBytes());
    await remove(repoKey);
    await server.createRepository(repoKey);
    expectError(await server.request('GET', session.path), 404, 'not_found');
  });
});

describe('while a virtual repository contains it', () => {
  async function contained() {
    const member = await freshRepository();
    const virtual = `virtual-of-${member}`;
    const json = { repoKey: virtual, repoType: 'virtual', memberRepos: [member] };
    await server.request('POST', '/v1/repos', { json });
    return { member, virtual };
  }

  test('its deletion is a 409 that names the container', async () => {
    const { member, virtual } = await contained();
    const reply = await remove(member);
    expectError(reply, 409, 'conflict');
    expect(reply.json.message).toContain(virtual);
  });

  test('the refusal leaves its sessions alive', async () => {
    const { member } = await contained();
    const session = await createSession(server, member, uniqueBytes());
    await remove(member);
    expect((await server.request('GET', session.path)).json.state).toBe('initiated');
  });

  test('the refusal leaves no row', async () => {
    const { member } = await contained();
    await remove(member);
    expect(await readTrail(server, { action: 'repo.deleted', resourceId: member })).toEqual([]);
  });

  test('the container itself can go, and then it', async () => {
    const { member, virtual } = await contained();
    expect([(await remove(virtual)).status, (await remove(member)).status]).toEqual([200, 200]);
  });
});

test('a second deletion is a 404', async () => {
  const repoKey = await freshRepository();
  await remove(repoKey);
  expectError(await remove(repoKey), 404, 'not_found');
});

test('ten deletions at once are one', async () => {
  const repoKey = await freshRepository();
  const replies = await Promise.all(Array.from({ length: 10 }, () => remove(repoKey)));
  expect(replies.map((reply) => reply.status).sort((left, right) => left - right)).toEqual([
    200,
    ...Array<number>(9).fill(404),
  ]);
});

test('admin of the repository may delete it, write may not', async () => {
  const repoKey = await freshRepository();
  const writer = await server.issueToken('writer', [`repo:${repoKey}:write`]);
  const owner = await server.issueToken('owner', [`repo:${repoKey}:admin`]);
  expect([(await remove(repoKey, writer)).status, (await remove(repoKey, owner)).status]).toEqual([403, 200]);
});

test('sessions started while the repository is being deleted end with it or are refused', async () => {
  const repoKey = await freshRepository();
  const [, ...created] = await Promise.all([
    remove(repoKey),
    ...Array.from({ length: 10 }, () => createSession(server, repoKey, uniqueBytes())),
  ]);
  const started = created.filter(({ created: reply }) => reply.status === 201).map(({ uploadId }) => uploadId);
  const aborted = (await readTrail(server, { action: 'upload.aborted' })).filter((row) => row.repoKey === repoKey);
  expect(aborted.map((row) => row.resourceId).sort()).toEqual(started.sort());
});
