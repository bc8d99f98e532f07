import { assert, asyncProperty } from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAnswerChecker, readOperations } from './document.ts';
import { createFuzzWorld, type FuzzWorld } from './fuzz-world.ts';
import { flawOf } from './judge.ts';
import { requestsOf } from './requests.ts';
import { send } from './send.ts';

export interface FuzzOptions {
  /** Requests to each operation at the most. */
  runs: number;
  /** Time for each operation at the most. */
  secondsEach: number;
}

/** `FUZZ_SEED` repeats a run; with `FUZZ_PATH`, which a failure prints, it repeats the one request that failed, and nothing else. */
const seed = Number(process.env.FUZZ_SEED ?? Math.trunc(Math.random() * 2 ** 31));
const path = process.env.FUZZ_PATH;

/**
 * Requests to every operation of the OpenAPI document, of which some are right and most nearly so: each answer is one that the document
 * names, in the shape of the contract, never a 5xx, and never none.
 */
export function describeFuzz({ runs, secondsEach }: FuzzOptions): void {
  describe(`every answer is one of the document (FUZZ_SEED=${seed})`, () => {
    const operations = readOperations();
    const succeeded = new Set<string>();
    let world: FuzzWorld;

    beforeAll(async () => {
      world = await createFuzzWorld();
    });

    afterAll(() => world.close());

    test.each(operations.map((operation) => [operation.name, operation] as const))('%s', async (name, operation) => {
      const check = createAnswerChecker();
      const property = asyncProperty(requestsOf(operation, world.namesFor(operation)), async (request) => {
        const answer = await send(world.server.url, world.agent, request);
        if (answer.status < 300) succeeded.add(name);
        const flaw = flawOf(operation, answer, check);
        if (flaw !== undefined)
          throw new Error(`${flaw}\n${request.method} ${request.path}\n${answer.text.slice(0, 500)}`);
      });
      await assert(property, {
        seed,
        numRuns: runs,
        interruptAfterTimeLimit: secondsEach * 1000,
        ...(path === undefined ? {} : { path, endOnFailure: true }),
      });
    });

    test('the server is well after all of it', async () => {
      expect((await world.server.request('GET', '/health/ready')).status).toBe(200);
      expect((await world.server.request('GET', '/v1/auth/whoami')).status).toBe(200);
    });

    // Else it would be garbage alone, which gets no further than the first check. A few requests tell nothing of that.
    if (path !== undefined || runs < 100) return;
    test('requests to nearly every operation succeed as well', () => {
      const never = operations.map(({ name }) => name).filter((name) => !succeeded.has(name));
      // These need a signature, a state or a JWT that is not made up.
      expect(never.filter((name) => !NEEDS_MORE.has(name))).toEqual([]);
    });
  });
}

const NEEDS_MORE = new Set([
  'POST /v1/auth/oidc/exchange',
  'GET /v1/audit/{auditId}/proof',
  'PUT /v1/store/{*}',
  'PUT /v1/repos/{repoKey}/blobs/{digest}',
  'DELETE /v1/repos/{repoKey}',
  'POST /v1/repos/{repoKey}/uploads/{uploadId}/parts',
  'POST /v1/repos/{repoKey}/uploads/{uploadId}/complete',
  'POST /v1/repos/{repoKey}/uploads/{uploadId}/commit',
  'GET /v1/repos/{repoKey}/blobs/{digest}',
  'GET /v1/repos/{repoKey}/blobs/{digest}/receipt',
  'DELETE /v1/repos/{repoKey}/blobs/{digest}',
  'DELETE /v1/repos/{repoKey}/bindings/{subject}',
]);
