import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Reply, TestServer } from '../../support/test-server.ts';
import { complete, createSession, sha256, uniqueBytes } from '../../support/uploading.ts';
import { judge, type Outcome } from './judge.ts';

const SMALL_BYTES = 30_000;
const FIVE_MIB = 5 * 1024 ** 2;
/** What clients wait before they ask again; the seconds of Retry-After would only make the test longer. */
const ASK_AGAIN_MS = 100;
const STEP_LIMIT_MS = 100_000;
const LOOK_EVERY_MS = 20;
const WAIT_LIMIT_MS = 120_000;

/** Clients at work, each going on with what it began until it is done, whatever failed on the way. */
export interface Load {
  /** The codes of the failed answers so far, all of them such as an outage may have. */
  readonly refusals: readonly string[];
  /** Downloads that were cut after their answer had begun. */
  readonly cuts: number;
  /** Resolves when that many more artifacts were committed, or more. */
  commits(more: number): Promise<void>;
  refused(more: number): Promise<void>;
  /** Lets every client end what it has begun. @returns the digests of all that was acknowledged as committed. */
  stop(): Promise<string[]>;
}

class Clients {
  readonly acknowledged: string[] = [];
  readonly refusals: string[] = [];
  /** Whatever no outage explains. */
  readonly surprises: string[] = [];
  cuts = 0;
  stopping = false;
  readonly #server: TestServer;
  readonly #repoKey: string;

  constructor(server: TestServer, repoKey: string) {
    this.#server = server;
    this.#repoKey = repoKey;
  }

  async uploadInParts(sizes: readonly number[], checksummed: boolean): Promise<void> {
    const pieces = sizes.map((size) => uniqueBytes(size));
    const bytes = Buffer.concat(pieces);
    const created = await this.#insist('create', async () => {
      const session = await createSession(this.#server, this.#repoKey, bytes);
      return { ...session.created, session };
    });
    const etags: string[] = [];
    for (const [index, piece] of pieces.entries()) {
      etags.push(await this.#sendPart(created.session.path, index + 1, piece, checksummed));
    }
    await this.#insist('complete', () => complete(this.#server, created.session, ...etags));
    await this.#insist('commit', () => this.#server.request('POST', `${created.session.path}/commit`));
    this.acknowledged.push(sha256(bytes));
  }

  async #sendPart(path: string, partNumber: number, bytes: Buffer, checksummed: boolean): Promise<string> {
    const checksum = checksummed ? { sha256: sha256(bytes), sizeBytes: bytes.length } : {};
    const signed = await this.#insist('part request', () =>
      this.#server.request('POST', `${path}/parts`, { json: { partNumber, ...checksum } }),
    );
    const { uploadUrl, headers } = signed.json;
    const put = await this.#insist('part', () =>
      this.#server.request('PUT', uploadUrl, { token: null, body: bytes, headers }),
    );
    return put.headers.get('etag') ?? '';
  }

  async uploadInOneRequest(): Promise<void> {
    const body = uniqueBytes(SMALL_BYTES);
    const digest = sha256(body);
    await this.#insist('put', () => this.#server.request('PUT', this.#blob(digest), { body }));
    this.acknowledged.push(digest);
  }

  async download(): Promise<void> {
    const digest = this.acknowledged[Math.floor(Math.random() * this.acknowledged.length)];
    if (digest === undefined) return;
    const response = await fetch(new URL(this.#blob(digest), this.#server.url), {
      headers: { authorization: `Bearer ${this.#server.adminToken}` },
    });
    const bytes = await response.arrayBuffer().then(
      (body) => Buffer.from(body),
      () => undefined,
    );
    if (bytes === undefined) this.cuts += 1;
    else if (response.status === 200 && sha256(bytes) !== digest) this.surprises.push('download: wrong bytes');
    else this.#note('download', judge({ status: response.status, headers: response.headers, bytes }));
  }

  #blob(digest: string): string {
    return `/v1/repos/${this.#repoKey}/blobs/${digest}`;
  }

  /** Asks until it works, as long as nothing but an outage is in the way. */
  async #insist<Answer extends Reply>(step: string, ask: () => Promise<Answer>): Promise<Answer> {
    const deadlineMs = performance.now() + STEP_LIMIT_MS;
    while (performance.now() < deadlineMs) {
      const answer = await ask();
      const outcome = judge(answer);
      if (outcome.kind === 'done') return answer;
      this.#note(step, outcome);
      if (outcome.kind === 'surprise') break;
      await sleep(ASK_AGAIN_MS);
    }
    throw new Error(`${step} did not work in the end`);
  }

  #note(step: string, outcome: Outcome): void {
    if (outcome.kind === 'refused') this.refusals.push(outcome.code);
    if (outcome.kind === 'surprise') this.surprises.push(`${step}: ${outcome.what}`);
  }

  async repeat(work: () => Promise<void>): Promise<void> {
    while (!this.stopping) {
      await work().catch((error: unknown) => this.surprises.push(String(error)));
      // A client that only fails must not keep the others from running.
      await sleep(1);
    }
  }
}

/** Starts clients of every kind on a repository. */
export function startLoad(server: TestServer, repoKey = 'apps'): Load {
  const clients = new Clients(server, repoKey);
  const work = [
    () => clients.uploadInParts([SMALL_BYTES], false),
    () => clients.uploadInParts([SMALL_BYTES], true),
    () => clients.uploadInParts([FIVE_MIB, SMALL_BYTES], false),
    () => clients.uploadInOneRequest(),
    () => clients.download(),
    () => clients.download(),
  ].map((one) => clients.repeat(one));

  const until = async (what: string, reached: () => boolean): Promise<void> => {
    const deadlineMs = performance.now() + WAIT_LIMIT_MS;
    while (!reached()) {
      expect(clients.surprises).toEqual([]);
      if (performance.now() > deadlineMs) throw new Error(`${what}: not within ${WAIT_LIMIT_MS} ms`);
      await sleep(LOOK_EVERY_MS);
    }
  };

  return {
    refusals: clients.refusals,
    get cuts() {
      return clients.cuts;
    },
    commits(more) {
      const wanted = clients.acknowledged.length + more;
      return until(`${more} more commits`, () => clients.acknowledged.length >= wanted);
    },
    refused(more) {
      const wanted = clients.refusals.length + more;
      return until(`${more} more refusals`, () => clients.refusals.length >= wanted);
    },
    async stop() {
      clients.stopping = true;
      await Promise.all(work);
      expect(clients.surprises).toEqual([]);
      return clients.acknowledged;
    },
  };
}
