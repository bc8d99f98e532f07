import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes } from '../support/uploading.ts';

/** A one-request upload that goes on until the test says so. */
export interface SlowUpload {
  digest: string;
  /** Sends the rest. @returns the answer's status and its `Connection` header. */
  finish(): Promise<{ status: number; connection: string | undefined }>;
  /** Breaks the connection. */
  leave(): void;
  /** The answer, whenever it comes; rejects where the connection is cut. */
  answer: Promise<IncomingMessage>;
}

const LENGTH_BYTES = 200_000;

/** Sends the head and half of the bytes, and resolves once the server waits for more. */
export async function startSlowUpload(server: TestServer, repoKey = 'apps'): Promise<SlowUpload> {
  const bytes = uniqueBytes(LENGTH_BYTES);
  const digest = sha256(bytes);
  const asked: ClientRequest = request(new URL(`/v1/repos/${repoKey}/blobs/${digest}`, server.url), {
    method: 'PUT',
    headers: {
      authorization: `Bearer ${server.adminToken}`,
      'content-length': LENGTH_BYTES,
      expect: '100-continue',
    },
  });
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    asked.once('response', resolve);
    asked.once('error', reject);
  });
  answer.catch(() => undefined);
  const goesOn = new Promise<void>((resolve) => {
    asked.once('continue', resolve);
  });
  asked.flushHeaders();
  await Promise.race([goesOn, answer]);
  asked.write(bytes.subarray(0, LENGTH_BYTES / 2));
  return {
    digest,
    answer,
    async finish() {
      asked.end(bytes.subarray(LENGTH_BYTES / 2));
      const response = await answer;
      response.resume();
      return { status: response.statusCode ?? 0, connection: response.headers.connection };
    },
    leave() {
      asked.destroy();
    },
  };
}
