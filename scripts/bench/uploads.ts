import { makeObject, type Payload, UniqueObjects } from '../../src/cli/bench/payloads.ts';
import { ARTIFORTRESS, type Artifortress } from './artifortress.ts';
import type { Part } from './artifortress-sessions.ts';
import { BARE_NODE } from './bare.ts';
import { checkBlob, withConnection } from './checks.ts';
import { DOCKER_REGISTRY } from './docker-registry.ts';
import type { Connection } from './http-connection.ts';
import type { Subject } from './subject.ts';
import { IN_FLIGHT, MIB_BYTES, SMALL_OBJECT_BYTES } from './units.ts';
import type { Operate } from './window.ts';
import type { Comparison, Variant, Workload } from './workload.ts';

export const LIFECYCLE = `${ARTIFORTRESS} lifecycle`;
const MULTIPART = `${ARTIFORTRESS} multipart`;
export const ONE_PUT = `${ARTIFORTRESS} one PUT`;

const CHECKED_OBJECTS = 3;
const SMALL_WARM_UP_SECONDS = 0.5;
const BIG_WARM_UP_BYTES = 64 * MIB_BYTES;

const SMALL_COMPARISONS: readonly Comparison[] = [
  { of: LIFECYCLE, over: DOCKER_REGISTRY, aim: 1.0 },
  { of: ONE_PUT, over: DOCKER_REGISTRY, aim: 2.5 },
  { of: LIFECYCLE, over: BARE_NODE, aim: null },
  { of: ONE_PUT, over: BARE_NODE, aim: null },
];

type Store = (connections: readonly Connection[], payload: Payload) => Promise<void>;

/** Unique 256 KiB objects, by the full lifecycle and by one request, against a push to each of the others. */
export function smallUploads(
  ours: Artifortress,
  others: readonly Subject[],
  seconds: number,
  comparisons = SMALL_COMPARISONS,
): Workload {
  const variant = (label: string, subject: Subject, store: Store): Variant => {
    const objects = new UniqueObjects(SMALL_OBJECT_BYTES);
    const stored: string[] = [];
    return {
      label,
      subject,
      async operate(connections) {
        const payload = objects.take();
        await store(connections, payload);
        stored.push(payload.digest);
        return payload.lengthBytes;
      },
      async prepare() {
        stored.length = 0;
      },
      async verify() {
        for (let check = 1; check <= CHECKED_OBJECTS; check++) {
          const digest = stored[Math.floor((stored.length * check) / CHECKED_OBJECTS) - 1];
          if (digest !== undefined) await checkBlob(subject, digest);
        }
      },
    };
  };
  const lifecycle: Store = async (connections, payload) => {
    const part = { partNumber: 1, start: 0, end: payload.lengthBytes, sha256: payload.digest };
    await ours.sessions.upload(connections, payload, [part]);
  };
  return {
    name: 'small-up',
    title: `256 KiB up, unique content, ${IN_FLIGHT} in flight`,
    lanes: { count: IN_FLIGHT, connectionsEach: 1 },
    seconds,
    warmUpSeconds: SMALL_WARM_UP_SECONDS,
    variants: [
      variant(LIFECYCLE, ours, lifecycle),
      variant(ONE_PUT, ours, directly(ours)),
      ...others.map((subject) => variant(subject.name, subject, directly(subject))),
    ],
    comparisons,
  };
}

/** One big object a round, by one request and by a multipart session, against a push to each of the others. */
export function bigUploads(ours: Artifortress, others: readonly Subject[], bigMib: number): Workload {
  const lengthBytes = bigMib * MIB_BYTES;
  const variant = (label: string, subject: Subject, makeUpload: (payload: Payload) => Promise<Operate>): Variant => {
    let digest = '';
    let upload: Operate | null = null;
    return {
      label,
      subject,
      async prepare() {
        const warmUp = await makeUpload(makeObject(Math.min(lengthBytes, BIG_WARM_UP_BYTES)));
        await withConnection(subject, (connection) => warmUp([connection], () => {}));
        const payload = makeObject(lengthBytes);
        digest = payload.digest;
        upload = await makeUpload(payload);
      },
      async operate(connections, record) {
        if (upload === null) throw new Error('nothing was prepared');
        return upload(connections, record);
      },
      async verify() {
        await checkBlob(subject, digest);
      },
    };
  };
  const whole = (subject: Subject) => async (payload: Payload) => storing(directly(subject), payload);
  const multipart = async (payload: Payload) => {
    const parts: readonly Part[] = await withConnection(ours, (one) => ours.sessions.planParts(one, payload));
    return storing((connections) => ours.sessions.upload(connections, payload, parts), payload);
  };
  return {
    name: 'big-up',
    title: `${bigMib} MiB up; multipart with the suggested part size, ${IN_FLIGHT} parts in flight`,
    lanes: { count: 1, connectionsEach: IN_FLIGHT },
    seconds: 0,
    // A second big object would only fill the disk: a smaller one goes ahead of each.
    warmUpSeconds: null,
    variants: [
      variant(ONE_PUT, ours, whole(ours)),
      variant(MULTIPART, ours, multipart),
      ...others.map((subject) => variant(subject.name, subject, whole(subject))),
    ],
    comparisons: [
      { of: ONE_PUT, over: BARE_NODE, aim: 0.9 },
      { of: MULTIPART, over: BARE_NODE, aim: 0.9 },
      { of: ONE_PUT, over: DOCKER_REGISTRY, aim: null },
      { of: MULTIPART, over: DOCKER_REGISTRY, aim: null },
    ],
  };
}

function directly(subject: Subject): Store {
  return async ([connection], payload) => {
    if (connection === undefined) throw new Error('an upload needs a connection');
    await subject.put(connection, payload);
  };
}

function storing(store: Store, payload: Payload): Operate {
  return async (connections) => {
    await store(connections, payload);
    return payload.lengthBytes;
  };
}
