import { sql } from 'kysely';
import { sha256 } from '../../support/uploading.ts';
import { count } from '../../uploads/inspect.ts';
import { blobPath, type Life } from './life.ts';
import { REPO, type World } from './world.ts';

/** One request of a client, or one round of the worker. */
export interface Step {
  name: string;
  by: 'client' | 'worker';
  /** The statuses that end it. After 202 and 503 it is asked again; all others are wrong. */
  settled: readonly number[];
  /** @returns the status: of the worker, 200 for a round without a failure. Rejects where there is no answer. */
  run(life: Life, attempt: number): Promise<number>;
}

/** The worker's leases and its pauses after a failure are over by the next attempt. */
const ATTEMPT_SECONDS = 1000;
/** A dead server's lease on a verification is over then. */
const VERIFICATION_LEASE_SECONDS = 61;

const OK = 200;
const FAILED = 503;

/** @returns 200 where nothing was put off. */
export async function runWorker(world: World, aheadSeconds: number, task: 'jobs' | 'all' = 'all'): Promise<number> {
  const failure = await world.child().runWorker(task, aheadSeconds);
  if (failure !== undefined) return FAILED;
  const failed = await count(world.witness, sql`select count(*) as n from jobs where last_error is not null`);
  return failed === 0 ? OK : FAILED;
}

function round(name: string, aheadSeconds: number, task: 'jobs' | 'all'): Step {
  return {
    name: `worker: ${name}`,
    by: 'worker',
    settled: [OK],
    run: ({ world }, attempt) => runWorker(world, aheadSeconds + attempt * ATTEMPT_SECONDS, task),
  };
}

function request(name: string, settled: readonly number[], run: Step['run']): Step {
  return { name, by: 'client', settled, run };
}

function requestPart(name: string, partNumber: number): Step {
  return request(name, [200], async (life) => {
    const bytes = partOf(life, partNumber);
    const checksum = life.checksummed ? { sha256: sha256(bytes), sizeBytes: bytes.length } : {};
    const { status, json } = await life.world.client.request('POST', `${life.path}/parts`, {
      json: { partNumber, ...checksum },
    });
    if (status === OK) life.targets.set(partNumber, json);
    return status;
  });
}

function sendPart(name: string, partNumber: number): Step {
  return request(name, [200], async (life) => {
    const target = life.targets.get(partNumber);
    const url = new URL(target?.uploadUrl ?? '');
    // A restarted server listens elsewhere, which its public address would hide.
    const path = life.world.driver === 'folder' ? `${url.pathname}${url.search}` : url.href;
    const { status, headers } = await life.world.client.request('PUT', path, {
      token: null,
      body: partOf(life, partNumber),
      headers: target?.headers ?? {},
    });
    life.etags.set(partNumber, headers.get('etag') ?? '');
    return status;
  });
}

function partOf(life: Life, partNumber: number): Buffer {
  const bytes = life.parts[partNumber - 1];
  if (bytes === undefined) throw new Error(`there is no part ${partNumber}`);
  return bytes;
}

async function commit(life: Life): Promise<number> {
  const { status, json } = await life.world.client.request('POST', `${life.path}/commit`);
  if (status === OK && json.digest !== life.digest) throw new Error(`another digest was committed: ${json.digest}`);
  return status;
}

/** A verification that a dead server has left is taken up by the worker; then the client asks again. */
async function commitByReading(life: Life, attempt: number): Promise<number> {
  if (attempt > 0) await runWorker(life.world, VERIFICATION_LEASE_SECONDS);
  return await commit(life);
}

async function download(life: Life): Promise<number> {
  const { status, bytes } = await life.world.client.request('GET', blobPath(life));
  if (status === OK && sha256(bytes) !== life.digest) throw new Error('other bytes were read than were committed');
  return status;
}

async function create(life: Life): Promise<number> {
  const { status, json } = await life.world.client.request('POST', `/v1/repos/${REPO}/uploads`, {
    json: { expectedDigest: life.digest, expectedLength: life.lengthBytes },
  });
  life.path = `/v1/repos/${REPO}/uploads/${json?.uploadId}`;
  return status;
}

async function putBlob(life: Life): Promise<number> {
  const body = Buffer.concat(life.parts);
  return (await life.world.client.request('PUT', blobPath(life), { body })).status;
}

export const STEPS = {
  create: request('create', [201], create),
  firstUrl: requestPart('first part URL', 1),
  secondUrl: requestPart('second part URL', 2),
  firstPart: sendPart('bytes of a part', 1),
  secondPart: sendPart('bytes of the second part', 2),
  complete: request('complete', [200], async (life) => {
    const parts = [...life.etags].map(([partNumber, etag]) => ({ partNumber, etag }));
    return (await life.world.client.request('POST', `${life.path}/complete`, { json: { parts } })).status;
  }),
  commitByChecksum: request('commit by checksum', [200], commit),
  commitByReading: request('commit by reading', [200], commitByReading),
  commitOfOtherBytes: request('commit of other bytes', [409], commitByReading),
  abort: request(
    'abort',
    [200],
    async (life) => (await life.world.client.request('POST', `${life.path}/abort`)).status,
  ),
  put: request('PUT in one request', [200, 201], putBlob),
  putOfOtherBytes: request('PUT of other bytes', [409], putBlob),
  dedupe: request('create of what is there', [200], create),
  download: request('download', [200], download),
  // Gone already where the reply of the first attempt was lost.
  delete: request(
    'delete',
    [200, 404],
    async (life) => (await life.world.client.request('DELETE', blobPath(life))).status,
  ),
  purge: round('remove the bytes', 1, 'jobs'),
  purgeAgain: round('remove what came late', 5000, 'jobs'),
  expire: round('expire', 700, 'all'),
  deleteBlob: round('delete the blob', 700, 'jobs'),
} as const satisfies Record<string, Step>;
