import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { runDueJobs } from '../../src/jobs/run-due-jobs.ts';
import { takeDueJobs } from '../../src/jobs/store.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { holdRows } from '../uploads/in-line.ts';
import { type Held, inState } from '../uploads/in-state.ts';
import { filesOf, rowOf } from '../uploads/inspect.ts';
import { addJob, jobsOf, whilePurgesFail } from './jobs.ts';

let server: TestServer;
const LEASE_SECONDS = 600;
const LONGEST_DELAY_SECONDS = 15 * 60;

beforeAll(async () => {
  server = await startTestServer();
});

beforeEach(() => server.running.services.db.query(sql`delete from jobs`));

afterAll(() => server.close());

/** An upload whose bytes a job is about to remove. */
async function abandoned(): Promise<Held> {
  return await inState(server, 'aborted by another digest');
}

async function bytesOf({ uploadId }: Held): Promise<string[]> {
  const { objectKey } = await rowOf(server, uploadId);
  return await filesOf(server, objectKey);
}

test('a job that fails is put off, longer each time, up to a limit, and never given up', async () => {
  await abandoned();
  const delays: number[] = [];
  let now = server.clock.now();
  await whilePurgesFail(server, async () => {
    for (let attempt = 1; attempt <= 12; attempt += 1) {
      await runDueJobs({ ...server.running.services, clock: { ...server.clock, now: () => now } });
      const [job] = await jobsOf(server);
      delays.push(((job?.runAt.getTime() ?? 0) - now.getTime()) / 1000);
      now = job?.runAt ?? now;
    }
  });
  const doubled = [2, 4, 8, 16, 32, 64, 128, 256, 512];
  expect(delays).toEqual([...doubled, LONGEST_DELAY_SECONDS, LONGEST_DELAY_SECONDS, LONGEST_DELAY_SECONDS]);
});

test('a job that fails keeps why', async () => {
  await abandoned();
  await whilePurgesFail(server, async () => {
    await runDueJobs(server.running.services);
  });
  expect(await jobsOf(server)).toMatchObject([{ attempts: 1, lastError: 'the store is away' }]);
});

test('a job that failed is done once what it needs is back', async () => {
  const held = await abandoned();
  await whilePurgesFail(server, async () => {
    await runDueJobs(server.running.services);
  });
  server.clock.advance({ seconds: 2 });
  await runDueJobs(server.running.services);
  expect(await bytesOf(held)).toEqual([]);
});

test('what is done in two goes starts the second one without the failures of the first', async () => {
  await abandoned();
  await whilePurgesFail(server, async () => {
    await runDueJobs(server.running.services);
  });
  server.clock.advance({ seconds: 2 });
  await runDueJobs(server.running.services);
  expect(await jobsOf(server)).toMatchObject([{ attempts: 0, lastError: null }]);
});

test('a job that fails does not keep the others from their turn', async () => {
  await addJob(server, 'repository.drain', { repoId: 'no number' });
  const held = await abandoned();
  await runDueJobs(server.running.services);
  expect(await bytesOf(held)).toEqual([]);
});

test('a job of a kind that this version does not know is kept for one that does, and blocks nothing', async () => {
  for (let index = 0; index < 25; index += 1) await addJob(server, 'moon.landing', { index });
  const held = await abandoned();
  await runDueJobs(server.running.services);
  expect(await bytesOf(held)).toEqual([]);
  const unknown = (await jobsOf(server)).filter((job) => job.kind === 'moon.landing');
  expect(unknown).toHaveLength(25);
  expect(unknown[0]?.lastError).toBe('this version knows no job of kind "moon.landing"');
});

test.each(['toString', '__proto__', 'constructor'])('a job of the kind "%s" is no known one', async (kind) => {
  await addJob(server, kind, {});
  await runDueJobs(server.running.services);
  expect(await jobsOf(server)).toMatchObject([{ lastError: `this version knows no job of kind "${kind}"` }]);
});

test('a job names no object but by a key of ours', async () => {
  await addJob(server, 'object.purge', { objectKey: '../../keys' });
  await runDueJobs(server.running.services);
  expect(await jobsOf(server)).toMatchObject([{ lastError: expect.stringContaining('is no object key') }]);
});

test('a job that somebody has taken is passed by', async () => {
  const held = await abandoned();
  const { db } = server.running.services;
  const now = server.clock.now();
  await takeDueJobs(db, now, new Date(now.getTime() + LEASE_SECONDS * 1000), 20);
  expect(await runDueJobs(server.running.services)).toBe(0);
  expect(await bytesOf(held)).not.toEqual([]);
});

test('the job of a taker that crashed comes due again once its lease is over', async () => {
  const held = await abandoned();
  const { db } = server.running.services;
  const now = server.clock.now();
  await takeDueJobs(db, now, new Date(now.getTime() + LEASE_SECONDS * 1000), 20);
  server.clock.advance({ seconds: LEASE_SECONDS });
  expect(await runDueJobs(server.running.services)).toBe(1);
  expect(await bytesOf(held)).toEqual([]);
});

test('a job that somebody is just taking keeps nobody waiting, and is taken once', async () => {
  for (let index = 0; index < 3; index += 1) await addJob(server, 'moon.landing', { index });
  const { db } = server.running.services;
  const now = server.clock.now();
  const until = new Date(now.getTime() + LEASE_SECONDS * 1000);
  const [first] = await jobsOf(server);
  const taker = await holdRows(server, `select from jobs where job_id = ${first?.jobId} for update`);
  const taken = await takeDueJobs(db, now, until, 20);
  await taker.release();
  expect(taken.map((job) => job.payload)).toEqual(expect.arrayContaining([{ index: 1 }, { index: 2 }]));
  expect(taken).toHaveLength(2);
});

test('a worker that is asked to stop takes no further jobs', async () => {
  await abandoned();
  expect(await runDueJobs(server.running.services, AbortSignal.abort())).toBe(0);
});
