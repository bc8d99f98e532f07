import { makeObject, type Payload, UniqueObjects } from '../../src/cli/bench/payloads.ts';
import { checkBlob, withConnection } from './checks.ts';
import type { Subject } from './subject.ts';
import { SMALL_OBJECT_BYTES } from './units.ts';

/** Together they stay in the page cache, so that servers are compared and not the disk. */
const SMALL_OBJECTS = 256;

/** Makes the small objects of the downloads and stores them on every server. */
export async function storeSmallObjects(subjects: readonly Subject[]): Promise<Payload[]> {
  const objects = new UniqueObjects(SMALL_OBJECT_BYTES);
  const payloads = Array.from({ length: SMALL_OBJECTS }, () => objects.take());
  for (const subject of subjects) {
    await withConnection(subject, async (connection) => {
      for (const payload of payloads) await subject.put(connection, payload);
    });
  }
  return payloads;
}

/** Makes the big object of the downloads, stores it on every server and checks that each gives back the same bytes. */
export async function storeBigObject(subjects: readonly Subject[], lengthBytes: number): Promise<Payload> {
  const payload = makeObject(lengthBytes);
  for (const subject of subjects) {
    await withConnection(subject, (connection) => subject.put(connection, payload));
    await checkBlob(subject, payload.digest);
  }
  return payload;
}
