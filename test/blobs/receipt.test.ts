import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseReceipt, RECEIPT_TYPE } from '../../src/blobs/receipt.ts';
import { envelopeSchema, openEnvelope } from '../../src/kernel/dsse.ts';
import { keyObjectOf } from '../../src/keys/model.ts';
import { expectError } from '../http/expect-error.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { complete, createSession, sendPart, sha256, uniqueBytes, upload } from '../support/uploading.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
  await server.createRepository('libs');
});

afterAll(() => server.close());

const path = (digest: string, repoKey = 'apps') => `/v1/repos/${repoKey}/blobs/${digest}/receipt`;

async function receiptOf(digest: string, repoKey = 'apps') {
  const reply = await server.request('GET', path(digest, repoKey));
  expect(reply.status).toBe(200);
  const keys = (await server.request('GET', '/v1/keys', { token: null })).json.items;
  const trusted = new Map<string, ReturnType<typeof keyObjectOf>>(
    keys.map(({ keyId, jwk }: { keyId: string; jwk: { x: string } }) => [
      keyId,
      keyObjectOf(Buffer.from(jwk.x, 'base64url')),
    ]),
  );
  const opened = openEnvelope(envelopeSchema.parse(reply.json), RECEIPT_TYPE, trusted);
  if (opened.kind === 'refused') throw new Error(opened.reason);
  return parseReceipt(opened.payload);
}

describe('the custody receipt', () => {
  test('says what was committed, by whom, when and on what proof', async () => {
    const bytes = uniqueBytes();
    const session = await createSession(server, 'apps', bytes);
    await complete(server, session, await sendPart(server, session, bytes));
    await server.request('POST', `${session.path}/commit`);
    const receipt = await receiptOf(sha256(bytes));
    const listed = await server.request('GET', `/v1/repos/apps/blobs?prefix=${sha256(bytes)}`);
    expect(receipt).toMatchObject({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: `apps/${sha256(bytes)}`, digest: { sha256: sha256(bytes) } }],
      predicate: {
        repository: 'apps',
        length: bytes.length,
        committedBy: 'root',
        committedAtUtc: listed.json.items[0].createdAtUtc,
        uploadId: session.uploadId,
      },
    });
  });

  test('tells how each kind of upload was proved', async () => {
    const streamed = uniqueBytes();
    await server.request('PUT', `/v1/repos/apps/blobs/${sha256(streamed)}`, { body: streamed });
    expect((await receiptOf(sha256(streamed))).predicate.proof).toBe('streamed');

    const deduped = await upload(server, 'libs', streamed);
    expect([200, 201]).toContain(deduped.status);
    expect((await receiptOf(sha256(streamed), 'libs')).predicate.proof).toBe('deduped');

    const multipart = Buffer.concat([uniqueBytes(5 * 1024 ** 2), uniqueBytes()]);
    const session = await createSession(server, 'apps', multipart);
    const etags = [
      await sendPart(server, session, multipart.subarray(0, 5 * 1024 ** 2)),
      await sendPart(server, session, multipart.subarray(5 * 1024 ** 2), { partNumber: 2 }),
    ];
    await complete(server, session, ...etags);
    expect((await server.request('POST', `${session.path}/commit`)).status).toBe(200);
    expect((await receiptOf(sha256(multipart))).predicate.proof).toBe('full_read');
  });

  test('stays the same, whoever pushes the bytes again', async () => {
    const bytes = uniqueBytes();
    await upload(server, 'apps', bytes);
    const first = (await server.request('GET', path(sha256(bytes)))).bytes;
    server.clock.advance({ seconds: 5 });
    await upload(server, 'apps', bytes);
    expect((await server.request('GET', path(sha256(bytes)))).bytes).toEqual(first);
  });

  test('is there for the blob of nothing', async () => {
    await upload(server, 'apps', Buffer.alloc(0));
    expect((await receiptOf(sha256(Buffer.alloc(0)))).predicate.length).toBe(0);
  });

  test('is for readers of the repository that holds the blob, and of no other', async () => {
    const bytes = uniqueBytes();
    await upload(server, 'apps', bytes);
    const reader = await server.issueToken('reader', ['repo:apps:read']);
    const other = await server.issueToken('other', ['repo:libs:read']);
    expect((await server.request('GET', path(sha256(bytes)), { token: reader })).status).toBe(200);
    expectError(await server.request('GET', path(sha256(bytes)), { token: other }), 403, 'forbidden');
    expectError(await server.request('GET', path(sha256(bytes), 'libs'), { token: other }), 404, 'not_found');
    await server.request('DELETE', `/v1/repos/apps/blobs/${sha256(bytes)}`);
    expectError(await server.request('GET', path(sha256(bytes)), { token: reader }), 404, 'not_found');
  });
});
