import type { Artifortress } from '../../client/artifortress.ts';
import type { LoadTarget, RecordStep } from './lane.ts';
import { pushSourceOf } from './payload-source.ts';
import type { Payload } from './payloads.ts';
import type { Task } from './tasks.ts';

/** A server as the client library reaches it, wherever it is: by its real address, with TLS where it has that. */
export function clientTarget(
  client: Artifortress,
  repoKey: string,
  signal: AbortSignal,
  nowMs: () => number,
): LoadTarget {
  return {
    openLane(record) {
      const listing: Listing = { cursor: null };
      return {
        run: (task) => runTask(client, repoKey, task, { signal, record: stopwatch(record, nowMs), listing }),
        close: () => undefined,
      };
    },
  };
}

/** Where a caller's last page ended. */
interface Listing {
  cursor: string | null;
}

interface TaskContext {
  readonly listing: Listing;
  readonly signal: AbortSignal;
  /** Records the time since the last step, or since the task began, as this step. */
  readonly record: (step: string) => void;
}

function stopwatch(record: RecordStep, nowMs: () => number): (step: string) => void {
  let sinceMs = nowMs();
  return (step) => {
    const atMs = nowMs();
    record(step, atMs - sinceMs);
    sinceMs = atMs;
  };
}

async function runTask(client: Artifortress, repoKey: string, task: Task, context: TaskContext): Promise<number> {
  const { signal, listing } = context;
  switch (task.operation) {
    case 'list': {
      const page = await client.blobs.list(repoKey, { signal, cursor: listing.cursor ?? undefined });
      listing.cursor = page.nextCursor;
      return 0;
    }
    case 'search': {
      const { items } = await client.blobs.list(repoKey, { signal, prefix: task.prefix });
      if (items.length === 0) throw new Error('a blob that is there was not found by its first characters');
      return 0;
    }
    case 'put': {
      const { payload } = task;
      const { deduped } = await client.blobs.put(repoKey, payload.digest, pushSourceOf(payload), { signal });
      if (deduped) throw new Error('bytes that nobody had were called deduplicated');
      return payload.lengthBytes;
    }
    case 'session':
      return await pushBySession(client, repoKey, task.payload, context);
    case 'dedupe': {
      const { state } = await client.uploads.create(repoKey, task.payload, { signal });
      if (state !== 'committed') throw new Error('bytes that are there were asked for again');
      return 0;
    }
    case 'download': {
      const { body } = await client.blobs.get(repoKey, task.payload.digest, { signal });
      return await countBytes(body, task.payload.lengthBytes);
    }
    case 'range': {
      const { payload } = task;
      const { start, end } = task.range;
      const range = { start, end: end - 1 };
      const { body } = await client.blobs.get(repoKey, payload.digest, { signal, range });
      return await countBytes(body, end - start);
    }
  }
}

/** By the client's own push; the steps of the protocol are recorded as far as it tells of them. */
async function pushBySession(
  client: Artifortress,
  repoKey: string,
  payload: Payload,
  { signal, record }: TaskContext,
): Promise<number> {
  let isSent = false;
  const { deduped } = await client.push({
    repoKey,
    source: pushSourceOf(payload),
    digest: payload.digest,
    signal,
    onSession: ({ outcome }) => {
      if (outcome === 'opened') record('create');
    },
    onProgress: ({ phase }) => {
      if (phase !== 'verify' || isSent) return;
      isSent = true;
      record('parts and complete');
    },
  });
  if (deduped) throw new Error('bytes that nobody had were called deduplicated');
  record('commit');
  return payload.lengthBytes;
}

async function countBytes(body: ReadableStream<Uint8Array>, expectedBytes: number): Promise<number> {
  let bytes = 0;
  for await (const chunk of body) bytes += chunk.byteLength;
  if (bytes !== expectedBytes) throw new Error(`${bytes} bytes came instead of ${expectedBytes}`);
  return bytes;
}
