import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { sql } from 'kysely';
import { expect } from 'vitest';
import { StoreError } from '../../src/objects/errors.ts';
import { pathOf } from '../../src/objects/filesystem/layout.ts';
import type { ObjectKey } from '../../src/objects/keys.ts';
import type { MultipartId } from '../../src/objects/object-store.ts';
import type { UploadState } from '../../src/uploads/model.ts';
import { readObject } from '../objects/read-object.ts';
import type { TestServer } from '../support/test-server.ts';

export interface SessionRow {
  state: UploadState;
  reason: string | null;
  objectKey: ObjectKey;
  multipartId: MultipartId | null;
  verificationUntil: Date | null;
  fence: number;
}

/** A session as the database holds it. */
export async function rowOf(server: TestServer, uploadId: string): Promise<SessionRow> {
  const [row] = await server.running.services.db.query(sql<SessionRow>`
    select state, abort_reason as reason, object_key as "objectKey", multipart_id as "multipartId", verification_until as "verificationUntil",
      verification_fence as fence
    from upload_sessions where upload_id = ${uploadId}::uuid`);
  if (row === undefined) throw new Error(`there is no session ${uploadId}`);
  return row;
}

/** What the audit trail says of a resource, oldest first. */
export async function trailOf(server: TestServer, resourceId: string): Promise<string[]> {
  const rows = await server.running.services.db.query(sql<{ action: string }>`
    select action from audit_events where resource_id = ${resourceId} order by audit_id`);
  return rows.map((row) => row.action);
}

/** The one number that a statement answers. */
export async function count(server: TestServer, statement: ReturnType<typeof sql<{ n: number }>>): Promise<number> {
  const [row] = await server.running.services.db.query(statement);
  return Number(row?.n);
}

/** State and object of a blob; undefined where there is none. */
export async function blobOf(
  server: TestServer,
  digest: string,
): Promise<{ state: string; objectKey: ObjectKey | null } | undefined> {
  const [row] = await server.running.services.db.query(sql<{ state: string; objectKey: ObjectKey | null }>`
    select state, object_key as "objectKey" from blobs where digest = ${digest}`);
  return row;
}

/** The objects, finished or not, that hold bytes of this digest, one an upload: the last names of their keys. */
export async function foldersOf(server: TestServer, digest: string): Promise<string[]> {
  const { objects, db } = server.running.services;
  if (objects.driver === 's3') {
    const sessions = await db.query(sql<{ key: ObjectKey }>`
      select object_key as key from upload_sessions where expected_digest = ${digest} and object_key is not null`);
    const held = await Promise.all(
      sessions.map(async ({ key }) => ((await filesOf(server, key)).length > 0 ? key : '')),
    );
    return held.filter((key) => key !== '').map((key) => key.split('/').at(-1) ?? '');
  }
  const names = await namesIn(join(server.dataDirectory, 'objects', 'blobs', 'sha256', digest.slice(0, 2)));
  return names
    .filter((name) => name.startsWith(digest))
    .map((name) => name.slice(digest.length + 1).replace(/\.(bytes|whole)$/, ''));
}

/** What the store holds of an upload: files of the folder, or the object and the unfinished uploads of a bucket. */
export async function filesOf(server: TestServer, key: ObjectKey): Promise<string[]> {
  if (server.running.services.objects.driver === 's3') return await inBucket(server, key);
  const path = pathOf(join(server.dataDirectory, 'objects'), key);
  const beside = (await namesIn(dirname(path))).filter((name) => name.startsWith(`${basename(path)}.`));
  return [...(await namesIn(path)), ...beside].sort();
}

async function inBucket(server: TestServer, key: ObjectKey): Promise<string[]> {
  const { objects, db } = server.running.services;
  const orGone = (error: unknown) => {
    if (error instanceof StoreError && ['object_not_found', 'upload_gone'].includes(error.kind)) return undefined;
    throw error;
  };
  const [session] = await db.query(sql<{ multipartId: MultipartId | null }>`
    select multipart_id as "multipartId" from upload_sessions where object_key = ${key}`);
  const multipartId = session?.multipartId ?? null;
  const object = await objects.head(key).catch(orGone);
  const parts = multipartId === null ? undefined : await objects.listParts(key, multipartId).catch(orGone);
  return [...(object === undefined ? [] : ['object']), ...(parts === undefined ? [] : ['multipart'])];
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** What must hold whatever happened: of sessions and their trail, of blobs and their references, and of the bytes. */
export async function expectSound(server: TestServer): Promise<void> {
  const { db, objects } = server.running.services;
  const broken = await db.query(sql<{ what: string; id: string }>`
    with trail as (
      select resource_id, count(*) filter (where action = 'upload.session.created') as created,
        count(*) filter (where action = 'upload.completed') as completed,
        count(*) filter (where action = 'upload.committed') as committed,
        count(*) filter (where action in ('upload.aborted', 'upload.expired', 'upload.commit.verification_failed')) as ended
      from audit_events where resource_type = 'upload_session' group by resource_id
    )
    select 'the trail of the session' as what, s.upload_id::text as id
    from upload_sessions s left join trail t on t.resource_id = s.upload_id::text
    where t.created is distinct from 1 or t.completed <> (s.completed_at is not null)::int
      or t.committed <> (s.state = 'committed')::int or t.ended <> (s.state = 'aborted')::int
    union all
    select 'a reference to a blob that is ' || state, b.digest from blob_references join blobs b using (tenant_id, digest)
    where state <> 'live'
    union all
    select 'a live blob without a reference', digest from blobs b
    where state = 'live' and not exists (select from blob_references br where br.digest = b.digest)
    union all
    select 'a condemned blob without a job', digest from blobs b
    where state = 'condemned' and not exists (
      select from jobs where kind = 'blob.delete' and payload ->> 'digest' = b.digest and payload ->> 'objectKey' = b.object_key
    )`);
  expect(broken).toEqual([]);
  const live = await db.query(sql<{ digest: string; length: number; key: ObjectKey }>`
    select digest, length_bytes as length, object_key as key from blobs where state = 'live' and length_bytes > 0`);
  for (const { digest, length, key } of live) {
    const hash = createHash('sha256').update(await readObject(objects, key, { start: 0, end: length - 1 }));
    expect(hash.digest('hex')).toBe(digest);
  }
}

/** Runs `round` this often, one after the other: races show only now and then. */
export async function repeatedly(times: number, round: (index: number) => Promise<void>): Promise<void> {
  for (let index = 0; index < times; index += 1) await round(index);
}
