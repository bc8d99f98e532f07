import { sql } from 'kysely';
import { expect } from 'vitest';
import { fsck } from '../../../src/operator/fsck.ts';
import { LIVE_STATES } from '../../../src/uploads/model.ts';
import { count, expectSound, foldersOf, trailOf } from '../../uploads/inspect.ts';
import type { Ending } from './flows.ts';
import { blobPath, type Life } from './life.ts';
import { readDigest } from './read-digest.ts';
import { runWorker } from './steps.ts';
import type { World } from './world.ts';

/** By then sessions have expired, leases have run out, and bytes that came late are removed once more: each a while after the other. */
const SWEEPS_AHEAD_SECONDS = [20_000, 30_000, 40_000];

/**
 * What must hold of a flow that came to its end, whatever happened on its way: what was acknowledged is read, and nothing else is left
 * over. Leaves the world as empty as it was.
 * @param bystanders paths of other blobs that were committed meanwhile.
 */
export async function expectInvariants(life: Life, ending: Ending, bystanders: readonly string[]): Promise<void> {
  const { world } = life;
  await expectEnding(life, ending);
  await expectSound(world.witness);
  await sweep(world);
  await expectEnding(life, ending);
  await expectSound(world.witness);
  expect(await findings(world), 'what fsck finds').toBe('');
  expect(await foldersOf(world.witness, life.digest), 'objects of the digest').toHaveLength(
    ending === 'committed' ? 1 : 0,
  );

  for (const path of [...bystanders, ...(ending === 'committed' ? [blobPath(life)] : [])]) {
    expect((await world.client.request('DELETE', path)).status, 'the status of a deletion').toBe(200);
  }
  await sweep(world);
  await expectNothingLeft(life, ending);
}

async function expectEnding({ world, digest, path }: Life, ending: Ending): Promise<void> {
  const read = await world.client.request('GET', blobPath({ digest }));
  expect(read.status, 'the status of a download').toBe(ending === 'committed' ? 200 : 404);
  const sessions = await world.witness.running.services.db.query(sql<{ state: string; path: string }>`
    select state, upload_id as path from upload_sessions where expected_digest = ${digest}`);
  const own = sessions.find((session) => path.endsWith(session.path));
  if (own !== undefined)
    expect(own.state, 'the state of the session').toBe(ending === 'aborted' ? 'aborted' : 'committed');
  const committed = sessions.filter(({ state }) => state === 'committed').length;
  expect(committed > 0, 'whether a session was committed').toBe(ending !== 'aborted');
}

async function sweep(world: World): Promise<void> {
  for (const aheadSeconds of SWEEPS_AHEAD_SECONDS) await runWorker(world, aheadSeconds);
  const live = await count(
    world.witness,
    sql`select count(*) as n from upload_sessions where state = any(${LIVE_STATES}::text[])`,
  );
  expect(live, 'sessions that are stuck').toBe(0);
  expect(await count(world.witness, sql`select count(*) as n from jobs`), 'jobs that never end').toBe(0);
}

/** What `artifortress fsck` finds, reading every byte and sparing nothing for being young. */
async function findings({ witness }: World): Promise<string> {
  const { services } = witness.running;
  const options = { repair: false, readShare: 1, graceMs: 0 };
  const report = await fsck(services, (object) => readDigest(services.objects, object), options);
  return report.findings.map(({ problem, subject, detail }) => `${problem} ${subject}: ${detail}`).join('\n');
}

async function expectNothingLeft({ world, digest }: Life, ending: Ending): Promise<void> {
  const { witness } = world;
  const { objects } = witness.running.services;
  for await (const { key } of objects.listObjects()) expect.unreachable(`an object is left: ${key}`);
  for await (const { key } of objects.listMultiparts()) expect.unreachable(`an unfinished upload is left: ${key}`);
  expect(await foldersOf(witness, digest), 'objects of the digest').toEqual([]);
  expect(await count(witness, sql`select count(*) as n from blobs`), 'rows of blobs').toBe(0);
  expect(await trailOf(witness, digest), 'the trail of the blob').toEqual(
    ending === 'aborted' ? [] : ['blob.reference.deleted', 'blob.condemned', 'blob.object.deleted'],
  );
}
