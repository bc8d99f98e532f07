import { makeObject } from '../../src/cli/bench/payloads.ts';
import type { Artifortress } from './artifortress.ts';
import { checkBlob, withConnection } from './checks.ts';
import type { MeasureGroup } from './measures.ts';
import { expectStatus } from './subject.ts';
import { GIB_BYTES, IN_FLIGHT, MIB_BYTES } from './units.ts';

interface TrafficPlan {
  readonly trafficGib: number;
  readonly bigMib: number;
  /** Called for what was put and is read no more, so that the disk doesn't fill. */
  readonly remove: (digest: string) => Promise<void>;
}

const MEMORY_AIM_MIB = 256;
/** Of each upload at the most: its bytes are hashed on the thread that the downloads are read on. */
const PUT_BYTES = 256 * MIB_BYTES;

/**
 * Sends and reads bytes through a server that did nothing else before, half of the loops by one-request PUTs and half by GETs of
 * the big object, and returns the memory of its process: the most that it ever was, and what it is at the end.
 */
export async function measureTraffic(
  ours: Artifortress,
  { trafficGib, bigMib, remove }: TrafficPlan,
  progress: (line: string) => void,
): Promise<MeasureGroup> {
  const idleBytes = ours.usage.residentMemory().serverBytes;
  const big = makeObject(bigMib * MIB_BYTES);
  await withConnection(ours, (connection) => ours.put(connection, big));

  const moved = { putBytes: big.lengthBytes, gotBytes: 0 };
  const targetBytes = trafficGib * GIB_BYTES;
  const isMoving = () => moved.putBytes + moved.gotBytes < targetBytes;
  const startedAtMs = performance.now();
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, (_, lane) =>
      withConnection(ours, async (connection) => {
        while (isMoving()) {
          if (lane % 2 === 0) {
            const reply = await ours.get(connection, big.digest, 'discard');
            expectStatus(reply, 200, 'a download');
            moved.gotBytes += reply.bodyBytes;
          } else {
            const payload = makeObject(Math.min(PUT_BYTES, big.lengthBytes));
            await ours.put(connection, payload);
            moved.putBytes += payload.lengthBytes;
            await remove(payload.digest);
          }
        }
      }),
    ),
  );
  const seconds = (performance.now() - startedAtMs) / 1000;
  const endBytes = ours.usage.residentMemory().serverBytes;
  const peakBytes = ours.usage.peakMemory().serverBytes;
  await checkBlob(ours, big.digest);

  const mib = (bytes: number) => [bytes / MIB_BYTES];
  const movedBytes = moved.putBytes + moved.gotBytes;
  progress(`traffic  peak ${(peakBytes / MIB_BYTES).toFixed(0)} MiB, end ${(endBytes / MIB_BYTES).toFixed(0)} MiB`);
  return {
    title: `traffic: resident memory of our server over ${(movedBytes / GIB_BYTES).toFixed(1)} GiB of proxied PUTs and GETs, ${IN_FLIGHT} in flight`,
    measures: [
      { name: 'before', unit: 'MiB', values: mib(idleBytes), aim: null },
      { name: 'peak since its start', unit: 'MiB', values: mib(peakBytes), aim: { most: MEMORY_AIM_MIB } },
      { name: 'at the end', unit: 'MiB', values: mib(endBytes), aim: { most: MEMORY_AIM_MIB } },
      { name: 'moved by PUTs', unit: 'MiB', values: mib(moved.putBytes), aim: null },
      { name: 'moved by GETs', unit: 'MiB', values: mib(moved.gotBytes), aim: null },
      {
        name: 'rate, with the hashing of what is sent',
        unit: 'MiB/s',
        values: [(movedBytes - big.lengthBytes) / MIB_BYTES / seconds],
        aim: null,
      },
    ],
  };
}
