import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Reply, TestServer } from '../../support/test-server.ts';
import {
  complete,
  createSession,
  type Session,
  sendPart,
  sha256,
  uniqueBytes,
  upload,
} from '../../support/uploading.ts';
import { judge } from './judge.ts';

/** A piece of an artifact's life that one request asks for. */
export const STEPS = [
  'create',
  'first part request',
  'resume',
  'complete',
  'commit by checksum',
  'commit by reading',
  'put',
  'download',
] as const;
export type Step = (typeof STEPS)[number];

/** Something begun, up to just before this step. */
interface Parked {
  digest: string;
  /** The step's own request first. Each may be asked again until it works. */
  rest: readonly (() => Promise<Reply>)[];
}

const LENGTH_BYTES = 50_000;
const ASK_AGAIN_MS = 100;
/** Less than a lease runs: a verification that died with the database is begun anew at once, by the process that held it. */
const FINISH_LIMIT_MS = 30_000;

type Park = (server: TestServer, bytes: Buffer) => Promise<Parked['rest']>;

const commit = (server: TestServer, session: Session) => () => server.request('POST', `${session.path}/commit`);

async function withPart(server: TestServer, bytes: Buffer, checksummed: boolean) {
  const session = await createSession(server, 'apps', bytes);
  const etag = await sendPart(server, session, bytes, { checksummed });
  return { session, completeIt: () => complete(server, session, etag) };
}

async function completed(server: TestServer, bytes: Buffer, checksummed: boolean): Promise<Parked['rest']> {
  const { session, completeIt } = await withPart(server, bytes, checksummed);
  await completeIt();
  return [commit(server, session)];
}

const PARK: Record<Step, Park> = {
  async create(server, bytes) {
    const create = () => createSession(server, 'apps', bytes).then(({ created }) => created);
    return [create, () => upload(server, 'apps', bytes)];
  },
  async 'first part request'(server, bytes) {
    const session = await createSession(server, 'apps', bytes);
    const ask = () => server.request('POST', `${session.path}/parts`, { json: { partNumber: 1 } });
    const goOn = async () => await complete(server, session, await sendPart(server, session, bytes));
    return [ask, goOn, commit(server, session)];
  },
  async resume(server, bytes) {
    const { session, completeIt } = await withPart(server, bytes, false);
    return [() => server.request('GET', session.path), completeIt, commit(server, session)];
  },
  async complete(server, bytes) {
    const { session, completeIt } = await withPart(server, bytes, true);
    return [completeIt, commit(server, session)];
  },
  'commit by checksum': (server, bytes) => completed(server, bytes, true),
  'commit by reading': (server, bytes) => completed(server, bytes, false),
  async put(server, body) {
    return [() => server.request('PUT', `/v1/repos/apps/blobs/${sha256(body)}`, { body })];
  },
  async download(server, bytes) {
    await upload(server, 'apps', bytes);
    return [() => server.request('GET', `/v1/repos/apps/blobs/${sha256(bytes)}`)];
  },
};

/** Artifacts of which each stands just before another step. */
export class ParkedAtEveryStep {
  readonly #parked: readonly (readonly [Step, Parked])[];

  private constructor(parked: readonly (readonly [Step, Parked])[]) {
    this.#parked = parked;
  }

  static async park(server: TestServer): Promise<ParkedAtEveryStep> {
    const parked = STEPS.map(async (step) => {
      const bytes = uniqueBytes(LENGTH_BYTES);
      return [step, { digest: sha256(bytes), rest: await PARK[step](server, bytes) }] as const;
    });
    return new ParkedAtEveryStep(await Promise.all(parked));
  }

  /** Asks for each step once. @returns what each was refused as; steps that went well are not in it. */
  async ask(): Promise<Partial<Record<Step, string>>> {
    const asked = this.#parked.map(async ([step, { rest }]) => {
      const outcome = await rest[0]?.().then(judge);
      expect(outcome?.kind, `${step}: ${JSON.stringify(outcome)}`).not.toBe('surprise');
      return outcome?.kind === 'refused' ? [[step, outcome.code]] : [];
    });
    return Object.fromEntries((await Promise.all(asked)).flat());
  }

  /** Takes every artifact to its end. @returns their digests. */
  async finish(): Promise<string[]> {
    const finished = this.#parked.map(async ([step, { digest, rest }]) => {
      for (const next of rest) await insist(step, next);
      return digest;
    });
    return await Promise.all(finished);
  }
}

async function insist(step: Step, ask: () => Promise<Reply>): Promise<void> {
  const deadlineMs = performance.now() + FINISH_LIMIT_MS;
  for (;;) {
    const reply = await ask();
    if (judge(reply).kind === 'done') return;
    expect([step, reply.status, reply.json]).toEqual([step, 202, expect.anything()]);
    expect(performance.now(), `${step} goes on for too long`).toBeLessThan(deadlineMs);
    await sleep(ASK_AGAIN_MS);
  }
}
