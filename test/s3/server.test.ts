import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { type Reply, s3Settings, startTestServer, type TestServer } from '../support/test-server.ts';
import { complete, createSession, sendPart, sha256, uniqueBytes, upload } from '../support/uploading.ts';

const servers = inject('s3Servers');

/** Follows a redirect as a client does: same method, same headers, but no token. */
async function follow(server: TestServer, reply: Reply, method: string, headers: Record<string, string> = {}) {
  return await server.request(method, reply.headers.get('location') ?? 'none', { token: null, headers });
}

for (const name of ['minio', 'versitygw'] as const) {
  describe.skipIf(servers === null)(`a server on ${name}`, () => {
    let server: TestServer;

    beforeAll(async () => {
      if (servers === null) return;
      server = await startTestServer({ settings: { ...s3Settings(servers[name]), uploadTtlSeconds: 3600 } });
      await server.createRepository('apps');
    });

    afterAll(() => server.close());

    const path = (digest: string, query = '') => `/v1/repos/apps/blobs/${digest}${query}`;
    const stored = async (bytes = uniqueBytes(5000)) => {
      expect((await upload(server, 'apps', bytes)).status).toBe(200);
      return { bytes, digest: sha256(bytes) };
    };

    test('lets bytes go straight to the store, and serves them', async () => {
      const bytes = uniqueBytes(100_000);
      const session = await createSession(server, 'apps', bytes);
      const signed = await server.request('POST', `${session.path}/parts`, { json: { partNumber: 1 } });
      expect(new URL(signed.json.uploadUrl).origin).toBe(servers?.[name].endpoint);
      await complete(server, session, await sendPart(server, session, bytes));
      expect((await server.request('POST', `${session.path}/commit`)).status).toBe(200);
      expect((await server.request('GET', path(sha256(bytes)))).bytes.equals(bytes)).toBe(true);
    });

    test('commits a checksummed part without reading a byte of it', async () => {
      const bytes = uniqueBytes(100_000);
      const session = await createSession(server, 'apps', bytes);
      await complete(server, session, await sendPart(server, session, bytes, { checksummed: true }));
      await server.request('POST', `${session.path}/commit`);
      const { json } = await server.request('GET', `/v1/audit?action=upload.committed&resourceId=${session.uploadId}`);
      expect(json.items[0].details).toMatchObject({ proof: 'store_checksum' });
    });

    test('refuses a checksummed upload of right parts and another declared digest, told by a full read', async () => {
      const bytes = uniqueBytes(1000);
      const session = await createSession(server, 'apps', { digest: sha256(uniqueBytes()), length: 1000 });
      await complete(server, session, await sendPart(server, session, bytes, { checksummed: true }));
      const { status, json } = await server.request('POST', `${session.path}/commit`);
      expect([status, json.error, json.actualDigest]).toEqual([409, 'upload_verification_failed', sha256(bytes)]);
    });

    test('signs a URL for the size that was announced, and no other', async () => {
      const session = await createSession(server, 'apps', uniqueBytes(100));
      const signed = await server.request('POST', `${session.path}/parts`, { json: { partNumber: 1, sizeBytes: 100 } });
      const put = (length: number) =>
        fetch(signed.json.uploadUrl, { method: 'PUT', body: new Uint8Array(uniqueBytes(length)) });
      expect([(await put(99)).status, (await put(100)).status]).toEqual([403, 200]);
    });

    const ends: Record<string, (session: { path: string }, repoKey: string) => Promise<unknown>> = {
      'was aborted': ({ path }) => server.request('POST', `${path}/abort`),
      'turned out to be past its time': ({ path }) => {
        server.clock.advance({ seconds: server.running.services.settings.uploadTtlSeconds });
        return server.request('POST', `${path}/complete`, { json: { parts: [{ partNumber: 1, etag: 'any' }] } });
      },
      'went with its repository': (_session, repoKey) => server.request('DELETE', `/v1/repos/${repoKey}`),
    };

    test.each(Object.keys(ends))(
      'has its part URLs take nothing more from the answer on where a session %s',
      async (how) => {
        const repoKey = `ends-${Object.keys(ends).indexOf(how)}`;
        await server.createRepository(repoKey);
        const session = await createSession(server, repoKey, uniqueBytes(100));
        const { json } = await server.request('POST', `${session.path}/parts`, { json: { partNumber: 1 } });
        await ends[how]?.(session, repoKey);
        const put = await fetch(json.uploadUrl, { method: 'PUT', body: new Uint8Array(uniqueBytes(100)) });
        expect(put.status).toBe(404);
      },
    );

    test('signs a URL for no longer than the session lives', async () => {
      const session = await createSession(server, 'apps', uniqueBytes(100));
      server.clock.advance({ seconds: server.running.services.settings.uploadTtlSeconds - 30 });
      const { json } = await server.request('POST', `${session.path}/parts`, { json: { partNumber: 1 } });
      expect(json.expiresAtUtc).toBe(session.created.json.expiresAtUtc);
      expect(Number(new URL(json.uploadUrl).searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(30);
    });

    test.each(['GET', 'HEAD'])('redirects a %s where it was asked to, by a URL that needs no token', async (method) => {
      const { bytes, digest } = await stored();
      const reply = await server.request(method, path(digest, '?redirect=1'));
      const cache = reply.headers.get('cache-control');
      expect([reply.status, cache, reply.bytes.length]).toEqual([307, 'no-store', 0]);
      const followed = await follow(server, reply, method);
      const length = Number(followed.headers.get('content-length'));
      expect([followed.status, length, followed.headers.get('content-type')]).toEqual([
        200,
        bytes.length,
        'application/octet-stream',
      ]);
      if (method === 'GET') expect(followed.bytes.equals(bytes)).toBe(true);
      const url = new URL(reply.headers.get('location') ?? '');
      // A minute, from when the server looked at its clock: whole seconds of it are left.
      const seconds = Number(url.searchParams.get('X-Amz-Expires'));
      expect(seconds).toBeLessThanOrEqual(60);
      expect(seconds).toBeGreaterThan(30);
    });

    test('a redirect is for one method and one object', async () => {
      const { digest } = await stored();
      const other = await stored();
      const reply = await server.request('GET', path(digest, '?redirect=1'));
      expect((await follow(server, reply, 'PUT')).status).toBe(403);
      expect((await follow(server, reply, 'DELETE')).status).toBe(403);
      const elsewhere = (reply.headers.get('location') ?? '').replaceAll(digest, other.digest);
      expect((await server.request('GET', elsewhere, { token: null })).status).toBe(403);
    });

    test('a range goes along with a redirect, and what is wrong with one is told before', async () => {
      const { bytes, digest } = await stored();
      const ask = (range: string) => server.request('GET', path(digest, '?redirect=1'), { headers: { range } });
      const followed = await follow(server, await ask('bytes=10-19'), 'GET', { range: 'bytes=10-19' });
      expect([followed.status, followed.bytes.equals(bytes.subarray(10, 20))]).toEqual([206, true]);
      expect([(await ask('bytes=9000-')).status, (await ask('bytes=x')).status]).toEqual([416, 400]);
    });

    test('a redirect is only for those who may read, and what they hold already is a 304', async () => {
      const { digest } = await stored();
      const stranger = await server.issueToken('stranger', ['repo:other:read']);
      const refused = await server.request('GET', path(digest, '?redirect=1'), { token: stranger });
      expect([refused.status, refused.headers.get('location')]).toEqual([403, null]);
      const headers = { 'if-none-match': `"${digest}"` };
      expect((await server.request('GET', path(digest, '?redirect=1'), { headers })).status).toBe(304);
      expect((await server.request('GET', path(digest, '?redirect=2'))).status).toBe(400);
    });

    test('by a setting every download is a redirect, unless asked otherwise', async () => {
      if (servers === null) return;
      const { bytes, digest } = await stored();
      const { s3Prefix } = server.running.services.settings;
      const redirecting = await startTestServer({
        clock: server.clock,
        database: server.database,
        settings: { ...s3Settings(servers[name]), s3Prefix, downloadRedirect: true, downloadUrlTtlSeconds: 7 },
      });
      const reply = await redirecting.request('GET', path(digest));
      const url = new URL(reply.headers.get('location') ?? '');
      expect([reply.status, url.searchParams.get('X-Amz-Expires')]).toEqual([307, expect.stringMatching(/^[5-7]$/)]);
      expect((await redirecting.request('GET', path(digest, '?redirect=0'))).bytes.equals(bytes)).toBe(true);
      await redirecting.close();
    });

    test('clients get URLs of the public endpoint, and the server speaks to its own', async () => {
      if (servers === null) return;
      const settings = { ...s3Settings(servers[name]), s3PublicEndpoint: 'https://store.example.com' };
      const behind = await startTestServer({ settings });
      await behind.createRepository('apps');
      const session = await createSession(behind, 'apps', uniqueBytes());
      const { json } = await behind.request('POST', `${session.path}/parts`, { json: { partNumber: 1 } });
      expect(new URL(json.uploadUrl).origin).toBe('https://store.example.com');
      await behind.close();
    });

    test('tells the administrator alone what the store can do', async () => {
      const mine = await server.request('GET', '/health/ready');
      const theirs = await server.request('GET', '/health/ready', { token: null });
      const names = mine.json.dependencies.objectStore.capabilities.map((one: { name: string }) => one.name);
      expect([mine.status, names]).toEqual([
        200,
        [
          'part checksums',
          'multipart upload',
          'presigned part URL',
          'list of parts',
          'checksum of the object',
          'ranges',
          'conditional completion',
        ],
      ]);
      expect(theirs.json.dependencies.objectStore).toEqual({ status: 'up' });
    });
  });
}

describe.skipIf(servers === null)('a store that can not be used', () => {
  test('with the wrong secret is a 503 that says so, and readiness tells the administrator why', async () => {
    if (servers === null) return;
    const server = await startTestServer({
      settings: s3Settings({ ...servers.minio, secretAccessKey: 'wrong-secret' }),
    });
    try {
      await server.createRepository('apps');
      const session = await createSession(server, 'apps', uniqueBytes());
      const refused = await server.request('POST', `${session.path}/parts`, { json: { partNumber: 1 } });
      expect([refused.status, refused.json.error, refused.headers.get('retry-after')]).toEqual([
        503,
        'storage_access_denied',
        expect.stringMatching(/^\d+$/),
      ]);
      expect(refused.bytes.toString()).not.toMatch(/SignatureDoesNotMatch|wrong-secret|amz/i);
      const ready = await server.request('GET', '/health/ready');
      const { status, detail } = ready.json.dependencies.objectStore;
      expect([ready.status, status, detail]).toEqual([503, 'down', expect.stringContaining('check the credentials')]);
      expect((await server.request('GET', session.path)).json.state).toBe('initiated');
    } finally {
      await server.close();
    }
  });

  test('since its clock is another is a 503, and readiness tells the administrator to look at the clocks', async () => {
    if (servers === null) return;
    await using proxy = await startFaultProxy(servers.minio.endpoint);
    // As a store does whose clock is another.
    const refusal = { kind: 'answer', status: 403, code: 'AccessDenied', acts: false } as const;
    proxy.inject(refusal, ({ query }) => query.has('X-Amz-Signature'));
    const server = await startTestServer({ settings: { ...s3Settings(servers.minio), s3Endpoint: proxy.url } });
    await server.createRepository('apps');
    const session = await createSession(server, 'apps', uniqueBytes());
    const refused = await server.request('POST', `${session.path}/parts`, { json: { partNumber: 1 } });
    expect([refused.status, refused.json.error]).toEqual([503, 'storage_access_denied']);
    const ready = await server.request('GET', '/health/ready');
    expect(ready.json.dependencies.objectStore.detail).toContain('clocks of this machine and of the store agree');
    await server.close();
  });

  test('since its bucket is missing keeps the server unready, and names the bucket', async () => {
    if (servers === null) return;
    const server = await startTestServer({ settings: { ...s3Settings(servers.minio), s3Bucket: 'no-such-bucket' } });
    const { status, json } = await server.request('GET', '/health/ready');
    expect([status, json.dependencies.objectStore.detail]).toEqual([503, expect.stringContaining('no-such-bucket')]);
    await server.close();
  });
});
