import { rename } from 'node:fs/promises';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuditAction } from '../../src/audit/model.ts';
import { runDueJobs } from '../../src/jobs/run-due-jobs.ts';
import { fsck } from '../../src/operator/fsck.ts';
import { resumeVerifications } from '../../src/uploads/resume-verifications.ts';
import { sweepOverdueSessions } from '../../src/uploads/sweep-overdue.ts';
import { objectPath } from '../blobs/support.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { complete, createSession, sendPart, sha256, uniqueBytes, upload } from '../support/uploading.ts';
import { whileAuditRefuses } from './refuse-audit.ts';
import { snapshotOf } from './snapshot.ts';
import { readTrail } from './trail.ts';

const UPLOAD_TTL_SECONDS = 120;
const DELETION_DELAY_SECONDS = 60;
/** Longer than the longest wait of a job that failed. */
const PATIENCE_SECONDS = 3600;

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({
    settings: { uploadTtlSeconds: UPLOAD_TTL_SECONDS, deletionDelaySeconds: DELETION_DELAY_SECONDS },
  });
  await server.createRepository('apps');
});

afterAll(() => server.close());

interface WorkerChange {
  name: string;
  /** The row that is refused. */
  action: AuditAction;
  /** Does what comes before. @returns what the row is about. */
  prepare: () => Promise<string>;
  /** One round of what makes the change; what it throws, the worker's loop logs. */
  round: () => Promise<unknown>;
}

const services = () => server.running.services;
const jobs = () => runDueJobs(services());

async function storedAndDropped(): Promise<string> {
  const bytes = uniqueBytes();
  await upload(server, 'apps', bytes);
  await server.request('DELETE', `/v1/repos/apps/blobs/${sha256(bytes)}`);
  server.clock.advance({ seconds: DELETION_DELAY_SECONDS });
  return sha256(bytes);
}

/** A blob that only a repository has that is deleted. @returns its digest. */
async function leftBehind(repoKey: string): Promise<string> {
  const bytes = uniqueBytes();
  await server.createRepository(repoKey);
  await upload(server, repoKey, bytes);
  await server.request('DELETE', `/v1/repos/${repoKey}`);
  return sha256(bytes);
}

/** @returns the id of an upload that waits for its commit. */
async function pending(bytes: Buffer, declared = bytes): Promise<string> {
  const session = await createSession(server, 'apps', declared);
  await complete(server, session, await sendPart(server, session, bytes));
  return session.uploadId;
}

/** Goes on with verifications whose process died. The reading itself goes on behind the round, and gives its lease back where it fails. */
async function verificationRound(): Promise<void> {
  await services().db.query(sql`
    update upload_sessions
    set verification_owner = 'who died', verification_until = ${services().clock.now()}, verified_bytes = 0
    where state = 'pending_commit'`);
  server.clock.advance({ seconds: 1 });
  await resumeVerifications(services());
  const busy = async () => {
    const rows = await services().db.query(sql`select from upload_sessions where verification_until is not null`);
    return rows.length > 0;
  };
  while (await busy());
}

const CHANGES: WorkerChange[] = [
  {
    name: 'the expiry of an upload',
    action: 'upload.expired',
    prepare: async () => {
      const { uploadId } = await createSession(server, 'apps', uniqueBytes());
      server.clock.advance({ seconds: UPLOAD_TTL_SECONDS });
      return uploadId;
    },
    round: () => sweepOverdueSessions(services()),
  },
  { name: 'the removal of a blob', action: 'blob.object.deleted', prepare: storedAndDropped, round: jobs },
  {
    name: 'the end of a deleted repository’s references',
    action: 'blob.reference.deleted',
    prepare: () => leftBehind('doomed-1'),
    round: jobs,
  },
  {
    name: 'the condemnation of what a deleted repository had',
    action: 'blob.condemned',
    prepare: () => leftBehind('doomed-2'),
    round: jobs,
  },
  {
    name: 'a commit that another process had begun',
    action: 'upload.committed',
    prepare: () => pending(uniqueBytes()),
    round: verificationRound,
  },
  {
    name: 'the refusal of other bytes that another process had begun',
    action: 'upload.commit.verification_failed',
    prepare: () => pending(uniqueBytes(), uniqueBytes()),
    round: verificationRound,
  },
  {
    name: 'the mark on a damaged blob',
    action: 'fsck.repaired',
    prepare: async () => {
      const bytes = uniqueBytes();
      await upload(server, 'apps', bytes);
      const folder = await objectPath(server, sha256(bytes));
      await rename(folder, `${folder}-away`);
      return sha256(bytes);
    },
    round: () =>
      fsck(services(), () => Promise.reject(new Error('nothing is read')), { repair: true, readShare: 0, graceMs: 0 }),
  },
];

describe.each(CHANGES)('$name, where its row $action is refused,', ({ action, prepare, round }) => {
  test('does not happen, and happens with its row once that may be written', async () => {
    const resourceId = await prepare();
    // What a `deleting` blob is marked by, and when a job is tried again, is not yet the change.
    const except = ['jobs', ...(action === 'blob.object.deleted' ? ['blobs'] : [])];
    const before = await snapshotOf(server, except);
    await whileAuditRefuses(server, action, () => round().catch(() => undefined));
    expect(await snapshotOf(server, except)).toBe(before);
    if (action === 'blob.object.deleted') {
      const rows = await services().db.query(sql`select from blobs where digest = ${resourceId}`);
      expect(rows).toHaveLength(1);
    }
    expect(await readTrail(server, { action, resourceId })).toEqual([]);

    server.clock.advance({ seconds: action.startsWith('upload.') ? 1 : PATIENCE_SECONDS });
    await round();
    expect(await readTrail(server, { action, resourceId })).toMatchObject([{ actor: 'system', requestId: null }]);
    expect(await snapshotOf(server, except)).not.toBe(before);
  });
});
