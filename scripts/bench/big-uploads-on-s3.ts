import { streamOf } from '../../src/cli/bench/payload-source.ts';
import { makeObject, type Payload } from '../../src/cli/bench/payloads.ts';
import type { Artifortress } from './artifortress.ts';
import { checkBlob } from './checks.ts';
import { clientPush } from './client-push.ts';
import { Connection } from './http-connection.ts';
import { headerOf } from './http-reply.ts';
import { ONE_CHECKSUMMED_PART, type RawS3, type SendPart } from './raw-s3.ts';
import { removeBlob, type S3Bucket } from './s3-store.ts';
import { expectStatus, type Subject } from './subject.ts';
import { IN_FLIGHT, MIB_BYTES } from './units.ts';
import type { Operate } from './window.ts';
import type { Variant, Workload } from './workload.ts';

export const CLIENT = 'client push';
export const CLIENT_DIGEST_KNOWN = 'client push, digest known';
export const CLIENT_ONE_PART = 'client push, digest known, one checksummed part';
export const RAW_FETCH = 'raw PUTs, fetch';
export const RAW_ONE_FETCH = 'raw one PUT, fetch';
const RAW_ONE_CHECKED = 'raw one checksummed PUT, fetch';
/** The least part of the raw rate that a push is to reach. */
export const PUSH_AIM = 0.95;
const RAW_SOCKETS = 'raw PUTs, bare sockets';

/** What our server suggests. A smaller object is cut smaller, so that there are as many parts as go in flight. */
const PART_BYTES = 64 * MIB_BYTES;
const LEAST_PART_BYTES = 5 * MIB_BYTES;
const WARM_UP_BYTES = 64 * MIB_BYTES;

type Upload = (payload: Payload, ...window: Parameters<Operate>) => Promise<void>;

/**
 * One big object a round, by the client library, against presigned PUTs of the same parts to the same store by nothing of ours.
 * None is left behind, so that the disk never holds more than one.
 */
export function bigUploadsOnS3(ours: Artifortress, raw: RawS3, bucket: S3Bucket, bigMib: number): Workload {
  const lengthBytes = bigMib * MIB_BYTES;
  const partSizeBytes = Math.max(LEAST_PART_BYTES, Math.min(PART_BYTES, Math.ceil(lengthBytes / IN_FLIGHT)));
  const push = clientPush(ours);
  const remove = (digest: string) => removeBlob(bucket, digest);
  const pushing =
    (sizeBytes: number, digestKnown: boolean): Upload =>
    (payload, _connections, record) =>
      push(payload, { partSizeBytes: sizeBytes, digestKnown }, record);
  const fetching =
    (partSize: Parameters<RawS3['uploadParts']>[1]): Upload =>
    (payload, connections, record) =>
      raw.uploadParts(
        payload,
        partSize,
        Array.from(connections, () => fetchPart),
        record,
      );

  return {
    name: 'big-up',
    title: `${bigMib} MiB up in parts of ${partSizeBytes / MIB_BYTES} MiB, ${IN_FLIGHT} in flight`,
    lanes: { count: 1, connectionsEach: IN_FLIGHT },
    seconds: 0,
    // A second big object would only fill the disk: a smaller one goes ahead of each.
    warmUpSeconds: null,
    // What is compared stands side by side, so that little time passes between the two.
    variants: [
      variant(CLIENT, ours, lengthBytes, pushing(partSizeBytes, false), remove),
      variant(RAW_FETCH, raw, lengthBytes, fetching(partSizeBytes), raw.remove),
      variant(CLIENT_DIGEST_KNOWN, ours, lengthBytes, pushing(partSizeBytes, true), remove),
      variant(RAW_SOCKETS, raw, lengthBytes, socketUpload(raw, partSizeBytes), raw.remove),
      variant(CLIENT_ONE_PART, ours, lengthBytes, pushing(lengthBytes, true), remove),
      variant(RAW_ONE_FETCH, raw, lengthBytes, fetching(lengthBytes), raw.remove),
      variant(RAW_ONE_CHECKED, raw, lengthBytes, fetching(ONE_CHECKSUMMED_PART), raw.remove),
    ],
    comparisons: [
      // Raw PUTs hash nothing and prove nothing. What is to keep up with them is the transfer (see transfer-rates.ts), and the
      // whole push where neither is left to do.
      { of: CLIENT_ONE_PART, over: RAW_ONE_FETCH, aim: PUSH_AIM },
      // The same work for the store, which hashes what it takes.
      { of: CLIENT_ONE_PART, over: RAW_ONE_CHECKED, aim: null },
      { of: CLIENT, over: RAW_FETCH, aim: null },
      { of: CLIENT_DIGEST_KNOWN, over: RAW_FETCH, aim: null },
      { of: CLIENT, over: RAW_SOCKETS, aim: null },
    ],
  };
}

function variant(
  label: string,
  subject: Subject,
  lengthBytes: number,
  upload: Upload,
  remove: (digest: string) => Promise<void>,
): Variant {
  let payload: Payload | null = null;
  return {
    label,
    subject,
    async prepare() {
      const warmUp = makeObject(Math.min(lengthBytes, WARM_UP_BYTES));
      const connections = Array.from({ length: IN_FLIGHT }, () => new Connection(subject.port));
      try {
        await upload(warmUp, connections, () => {});
      } finally {
        for (const connection of connections) connection.close();
      }
      await remove(warmUp.digest);
      payload = makeObject(lengthBytes);
    },
    async operate(connections, record) {
      if (payload === null) throw new Error('nothing was prepared');
      await upload(payload, connections, record);
      return payload.lengthBytes;
    },
    async verify() {
      if (payload === null) throw new Error('nothing was uploaded');
      await checkBlob(subject, payload.digest);
      await remove(payload.digest);
    },
  };
}

/** What a plain program of the same platform does. */
const fetchPart: SendPart = async (url, payload, start, end, headers) => {
  const response = await fetch(url, {
    method: 'PUT',
    body: streamOf(payload, start, end),
    headers: { ...headers, 'content-length': String(end - start) },
    duplex: 'half',
  });
  const text = await response.text();
  const etag = response.headers.get('etag');
  if (!response.ok || etag === null) throw new Error(`a raw part was answered ${response.status}: ${text}`);
  return etag;
};

/** The cheapest client that there is here. */
function socketUpload(raw: RawS3, partSizeBytes: number): Upload {
  return (payload, connections, record) => {
    const senders = connections.map(
      (connection): SendPart =>
        async ({ pathname, search }, { body }, start, end) => {
          const put = { step: 'put part', method: 'PUT', target: pathname + search, body: body(start, end) } as const;
          const reply = expectStatus(await connection.request({ ...put, take: 'text' }), 200, 'the put of a raw part');
          return headerOf(reply.head, 'etag') ?? '';
        },
    );
    return raw.uploadParts(payload, partSizeBytes, senders, record);
  };
}
