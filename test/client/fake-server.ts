import { createServer, type ServerResponse } from 'node:http';
import { answer, type Fault, refuse, type SeenRequest, sendBlob, sha256 } from './fake-answers.ts';

export interface FakeServer {
  readonly url: string;
  readonly requests: SeenRequest[];
  readonly blobs: Map<string, Buffer>;
  /** Asked before every answer; replace it to inject faults. */
  fault: Fault;
  /** The bounds that a fresh session is given. */
  partSizeBytes: number;
  /** How often a commit answers 202 before its end. */
  verifyRounds: number;
  sent(method: string, pathPattern: RegExp): SeenRequest[];
  [Symbol.asyncDispose](): Promise<void>;
}

interface Session {
  readonly repoKey: string;
  readonly digest: string;
  readonly lengthBytes: number;
  readonly parts: Map<number, Buffer>;
  state: string;
  reason: string | null;
}

const EXPIRES = '2099-01-01T00:00:00.000Z';

/** As much of the contract as a client needs to push and pull, in memory, for tests that bend it. */
export async function startFakeServer(): Promise<FakeServer> {
  const sessions = new Map<string, Session>();
  const requests: SeenRequest[] = [];
  const blobs = new Map<string, Buffer>();

  function uploadRoutes(seen: SeenRequest, response: ServerResponse, repoKey: string, rest: string): boolean {
    const nextActionOf = (uploadId: string, state: string) => {
      const url = `${fake.url}/v1/repos/${repoKey}/uploads/${uploadId}`;
      if (state === 'pending_commit') return { action: 'commit', method: 'POST', url: `${url}/commit` };
      if (state === 'committed' || state === 'aborted') return null;
      return {
        action: 'upload_parts',
        method: 'POST',
        url: `${url}/parts`,
        minimumPartSizeBytes: 1,
        suggestedPartSizeBytes: fake.partSizeBytes,
        maximumPartSizeBytes: fake.partSizeBytes * 4,
        maximumPartNumber: 10_000,
      };
    };
    if (rest === '') {
      const { expectedDigest, expectedLength } = JSON.parse(seen.body.toString());
      const deduped = blobs.has(expectedDigest);
      const uploadId = `upload-${sessions.size + 1}`;
      const state = deduped ? 'committed' : 'initiated';
      sessions.set(uploadId, {
        repoKey,
        digest: expectedDigest,
        lengthBytes: expectedLength,
        parts: new Map(),
        state,
        reason: null,
      });
      return answer(response, deduped ? 200 : 201, {
        uploadId,
        repoKey,
        expectedDigest,
        expectedLength,
        state,
        deduped,
        expiresAtUtc: EXPIRES,
        nextAction: nextActionOf(uploadId, state),
      });
    }
    const [, uploadId = '', verb = ''] = rest.split('/');
    const session = sessions.get(uploadId);
    if (session === undefined) return refuse(response, 404, 'not_found');
    const common = { uploadId, repoKey, expectedDigest: session.digest, expectedLength: session.lengthBytes };
    if (verb === '') {
      const parts = [...session.parts].map(([partNumber, bytes]) => ({
        partNumber,
        sizeBytes: bytes.length,
        etag: `"${partNumber}"`,
      }));
      return answer(response, 200, {
        ...common,
        state: session.state,
        deduped: false,
        nextAction: nextActionOf(uploadId, session.state),
        reason: session.reason,
        createdAtUtc: EXPIRES,
        expiresAtUtc: EXPIRES,
        parts,
      });
    }
    if (verb === 'parts') {
      session.state = 'parts_uploading';
      const asked: { partNumber: number; sizeBytes?: number; sha256?: string }[] = JSON.parse(
        seen.body.toString(),
      ).parts;
      const parts = asked.map((part) => ({
        partNumber: part.partNumber,
        uploadUrl: `${fake.url}/store/${uploadId}/${part.partNumber}?signature=s3cret`,
        headers: { 'content-length': String(part.sizeBytes), 'x-part': 'as given' },
        expiresAtUtc: EXPIRES,
      }));
      return answer(response, 200, { uploadId, repoKey, state: session.state, parts });
    }
    if (verb === 'complete') {
      session.state = 'pending_commit';
      return answer(response, 200, { ...common, state: session.state });
    }
    if (verb === 'abort') {
      session.state = 'aborted';
      session.reason = JSON.parse(seen.body.toString()).reason ?? 'client_abort';
      return answer(response, 200, { uploadId, repoKey, state: 'aborted', reason: session.reason });
    }
    return commit(response, uploadId, session);
  }

  function commit(response: ServerResponse, uploadId: string, session: Session): boolean {
    if (fake.verifyRounds > 0) {
      fake.verifyRounds -= 1;
      return answer(response, 202, { uploadId, state: 'pending_commit', verifiedBytes: 7 }, { 'retry-after': '2' });
    }
    const bytes = Buffer.concat([...session.parts].sort(([a], [b]) => a - b).map(([, part]) => part));
    if (sha256(bytes) !== session.digest) {
      return answer(response, 409, {
        error: 'upload_verification_failed',
        message: 'Not what was declared.',
        requestId: 'req-1',
        expectedDigest: session.digest,
        actualDigest: sha256(bytes),
        expectedLength: session.lengthBytes,
        actualLength: bytes.length,
      });
    }
    session.state = 'committed';
    blobs.set(session.digest, bytes);
    return answer(response, 200, {
      uploadId,
      repoKey: session.repoKey,
      state: 'committed',
      digest: session.digest,
      length: bytes.length,
    });
  }

  function route(seen: SeenRequest, response: ServerResponse): boolean {
    const part = /^\/store\/([^/]+)\/(\d+)$/.exec(seen.path);
    if (part !== null) {
      sessions.get(part[1] ?? '')?.parts.set(Number(part[2]), seen.body);
      response.writeHead(200, { etag: `"${part[2]}"` });
      response.end();
      return true;
    }
    const upload = /^\/v1\/repos\/([^/]+)\/uploads(.*)$/.exec(seen.path);
    if (upload !== null) return uploadRoutes(seen, response, upload[1] ?? '', upload[2] ?? '');
    const blob = /^\/v1\/repos\/[^/]+\/blobs\/([0-9a-f]{64})$/.exec(seen.path);
    if (blob !== null) return sendBlob(seen, response, blobs.get(blob[1] ?? ''));
    if (seen.path === '/v1/auth/whoami') {
      return answer(response, 200, {
        subject: 'alice',
        scopes: ['repo:*:admin'],
        tokenId: 't-1',
        expiresAtUtc: EXPIRES,
      });
    }
    return refuse(response, 404, 'not_found');
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => undefined);
    request.on('end', () => {
      const url = new URL(request.url ?? '/', fake.url);
      const seen = {
        method: request.method ?? '',
        path: url.pathname,
        url,
        headers: request.headers,
        body: Buffer.concat(chunks),
      };
      requests.push(seen);
      if (!fake.fault(seen, response)) route(seen, response);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on no port');
  const fake: FakeServer = {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    blobs,
    fault: () => false,
    partSizeBytes: 1000,
    verifyRounds: 0,
    sent: (method, pattern) => requests.filter((seen) => seen.method === method && pattern.test(seen.path)),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return fake;
}
