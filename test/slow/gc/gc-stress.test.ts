import { expect, test } from 'vitest';
import { type Reply, startTestServer, type TestServer } from '../../support/test-server.ts';
import { createSession, sha256, uniqueBytes, upload } from '../../support/uploading.ts';
import { expectSound } from '../../uploads/inspect.ts';
import { storesAtHand } from '../support/stores.ts';
import { Expectations } from './expectations.ts';

const SECONDS = Number(process.env.ARTIFORTRESS_STRESS_SECONDS ?? '60');
const PUSHERS = 8;
const PULLERS = 4;
const REPOSITORIES = ['apps', 'libs'];
/** Few, so that everything meets everything else. */
const CONTENTS = Array.from({ length: 6 }, (_, index) => uniqueBytes(500 + index * 40_000));
/** Of ten rounds of a pusher, this many delete. */
const DELETIONS_IN_TEN = 4;

interface Tally {
  pushes: number;
  deduped: number;
  deletions: number;
  reads: number;
  readsThatHadToFind: number;
  cutReads: number;
}

const oneOf = <Item>(items: readonly Item[]): Item => {
  const item = items[Math.floor(Math.random() * items.length)];
  if (item === undefined) throw new Error('nothing to choose from');
  return item;
};

/** Pushers, pullers and a collector at once, for as long as `signal` lets them. */
async function stress(server: TestServer, signal: AbortSignal): Promise<Tally> {
  const expectations = new Expectations();
  const tally: Tally = { pushes: 0, deduped: 0, deletions: 0, reads: 0, readsThatHadToFind: 0, cutReads: 0 };
  const aBlob = () => {
    const [repoKey, bytes] = [oneOf(REPOSITORIES), oneOf(CONTENTS)];
    const path = `/v1/repos/${repoKey}/blobs/${sha256(bytes)}`;
    return { repoKey, bytes, path };
  };

  const push = async (): Promise<void> => {
    const { repoKey, bytes, path } = aBlob();
    const acknowledged = expectations.pushing(path);
    const reply = Math.random() < 0.5 ? await upload(server, repoKey, bytes) : await putWhole(server, path, bytes);
    expect([200, 201]).toContain(reply.status);
    acknowledged();
    tally.pushes += 1;
    if (reply.json.deduped === true) tally.deduped += 1;
  };

  const remove = async (): Promise<void> => {
    const { path } = aBlob();
    const answered = expectations.deleting(path);
    const { status } = await server.request('DELETE', path);
    answered();
    expect([200, 404]).toContain(status);
    tally.deletions += 1;
  };

  const pull = async (): Promise<void> => {
    const { bytes, path } = aBlob();
    const hadToFind = expectations.reading(path);
    const reply = await server.request('GET', path).catch(() => undefined);
    tally.reads += 1;
    if (hadToFind()) {
      tally.readsThatHadToFind += 1;
      expect(reply?.status).toBe(200);
    }
    // With no delay at all a download is cut where the object goes while it is read; it never ends as if it were whole.
    if (reply === undefined) tally.cutReads += 1;
    else if (reply.status === 200) expect(sha256(reply.bytes)).toBe(sha256(bytes));
    else expect([404, 503]).toContain(reply.status);
  };

  /** Sessions that nobody goes on with: the collector has their leavings to remove too. */
  const abandon = async (): Promise<void> => {
    const { repoKey } = aBlob();
    const session = await createSession(server, repoKey, uniqueBytes(100));
    await server.request('POST', `${session.path}/parts`, { json: { partNumber: 1 } });
    await server.request('POST', `${session.path}/abort`);
  };

  const pusher = async (): Promise<void> => {
    const dice = Math.random() * 10;
    if (dice < DELETIONS_IN_TEN) await remove();
    else if (dice < DELETIONS_IN_TEN + 0.5) await abandon();
    else await push();
  };

  const until = async (work: () => Promise<void>): Promise<void> => {
    while (!signal.aborted) await work();
  };
  await Promise.all([
    ...Array.from({ length: PUSHERS }, () => until(pusher)),
    ...Array.from({ length: PULLERS }, () => until(pull)),
    until(() => server.runWorker()),
  ]);
  return tally;
}

async function putWhole(server: TestServer, path: string, bytes: Buffer): Promise<Reply> {
  return await server.request('PUT', path, { body: bytes });
}

test.each(storesAtHand('folder', 'minio'))(
  'on %s nobody misses a blob that was committed and is referred to, whatever the collector does',
  async (name, settings) => {
    const server = await startTestServer({ settings: { ...settings(), deletionDelaySeconds: 0 } });
    await Promise.all(REPOSITORIES.map((repoKey) => server.createRepository(repoKey)));
    const seconds = name === 'folder' ? SECONDS : SECONDS / 2;
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), seconds * 1000);
    const tally = await stress(server, stop.signal).finally(() => {
      stop.abort();
      clearTimeout(timer);
    });
    process.stdout.write(`gc stress on ${name}, ${seconds} s: ${JSON.stringify(tally)}\n`);

    await server.runWorker();
    await expectSound(server);
    // It was worth something: all of it happened, and often.
    expect(Math.min(tally.pushes, tally.deletions, tally.readsThatHadToFind)).toBeGreaterThan(seconds);
    await server.close();
  },
);
