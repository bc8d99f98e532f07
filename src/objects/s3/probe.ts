import { createHash, randomBytes } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListPartsCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { messageOf } from '../../kernel/errors.ts';
import { brand } from '../../kernel/parse.ts';
import { StoreError } from '../errors.ts';
import type { ObjectKey } from '../keys.ts';
import type { StoreCapability } from '../object-store.ts';
import type { S3Clients, S3Location } from './client.ts';
import { isPreconditionFailed, toStoreError } from './errors.ts';
import { headObject } from './head-object.ts';
import { signPart } from './presign.ts';

/** What the driver relies on where it is there, and does without where it is not. */
export interface S3Features {
  /** A part's signed SHA-256 is checked by the store, told in its list, and vouched for by HEAD. */
  partChecksums: boolean;
  /** `If-None-Match: *` at completion. */
  conditionalComplete: boolean;
  listParts: boolean;
}

export interface ProbeResult {
  features: S3Features;
  capabilities: StoreCapability[];
}

/** What every feature below must have; without one of these nothing works. */
const INDISPENSABLE = ['multipart upload', 'presigned part URL'];

const NOT_IMPLEMENTED = 501;

interface Probe {
  clients: S3Clients;
  location: S3Location;
  encryption: object;
}

/**
 * Finds out, by doing it, what a store can do. Writes and removes two small objects under `probe/`.
 * @throws StoreError where the store is away, refuses access, or lacks what nothing can replace.
 */
export async function probe(options: Probe): Promise<ProbeResult> {
  const run = createRun(options);
  try {
    await run.upload();
  } finally {
    await run.cleanUp();
  }
  const missing = INDISPENSABLE.filter((name) => !run.has(name));
  if (missing.length > 0) {
    const reasons = run.capabilities.filter(({ name }) => missing.includes(name)).map(({ detail }) => detail);
    throw new StoreError('unavailable', `the store lacks ${missing.join(' and ')}: ${reasons.join('; ')}`);
  }
  return {
    capabilities: run.capabilities,
    features: {
      partChecksums: run.has('part checksums') && run.has('list of parts') && run.has('checksum of the object'),
      conditionalComplete: run.has('conditional completion'),
      listParts: run.has('list of parts'),
    },
  };
}

function createRun({ clients, location, encryption }: Probe) {
  const { control }: { control: S3Client } = clients;
  const capabilities: StoreCapability[] = [];
  const key = brand<ObjectKey>(`probe/${randomBytes(8).toString('hex')}`);
  const target = { Bucket: location.bucket, Key: location.prefix + key };
  const bytes = randomBytes(1024);
  const sha256 = createHash('sha256').update(bytes);
  const hex = sha256.copy().digest('hex');
  const base64 = sha256.digest('base64');

  const has = (name: string): boolean => capabilities.some((one) => one.name === name && one.supported);

  /** Notes whether `work` succeeded. A store that is away tells nothing of what it can do, so that ends the probe. */
  const check = async (name: string, without: string, work: () => Promise<string | undefined>): Promise<void> => {
    let problem: string | undefined;
    try {
      problem = await work();
    } catch (error) {
      const failure = toStoreError(error, name);
      if (isOutage(error, failure)) throw failure;
      problem = messageOf(failure);
    }
    capabilities.push({ name, supported: problem === undefined, detail: problem ?? '', without });
  };

  const start = async (checksummed: boolean): Promise<string> => {
    const command = new CreateMultipartUploadCommand({
      ...target,
      ...encryption,
      ...(checksummed ? { ChecksumAlgorithm: 'SHA256' } : {}),
    });
    const { UploadId: id } = await control.send(command);
    if (id === undefined) throw new StoreError('unavailable', 'the store gave a multipart upload no id');
    return id;
  };

  const send = async (multipartId: string, checksummed: boolean, body: Buffer) => {
    const { url, headers } = await signPart(clients.control, location, {
      key,
      multipartId,
      partNumber: 1,
      validity: { expiresIn: 60 },
      ...(checksummed ? { sha256: base64 } : {}),
    });
    const answer = await fetch(url, {
      method: 'PUT',
      body: new Uint8Array(body),
      headers,
      signal: AbortSignal.timeout(location.requestTimeoutMs),
    }).catch((error: unknown) => {
      throw new StoreError('unavailable', messageOf(error), error);
    });
    await answer.arrayBuffer();
    if (tellsOfOutage(answer.status)) throw new StoreError('unavailable', `a part's PUT was answered ${answer.status}`);
    return { status: answer.status, etag: answer.headers.get('etag') ?? '' };
  };

  const complete = async (multipartId: string, etag: string, checksum: string | undefined, condition: boolean) =>
    await control.send(
      new CompleteMultipartUploadCommand({
        ...target,
        UploadId: multipartId,
        ...(condition ? { IfNoneMatch: '*' } : {}),
        MultipartUpload: {
          Parts: [{ PartNumber: 1, ETag: etag, ...(checksum === undefined ? {} : { ChecksumSHA256: checksum }) }],
        },
      }),
    );

  const upload = async (): Promise<void> => {
    await check('part checksums', 'every object is read back and hashed at commit', async () => {
      const id = await start(true);
      try {
        const wrong = await send(id, true, randomBytes(1024));
        const right = await send(id, true, bytes);
        return wrong.status >= 400 && right.status === 200
          ? undefined
          : `other bytes than announced were answered ${wrong.status}, the right ones ${right.status}`;
      } finally {
        await abort(id);
      }
    });
    const checksummed = has('part checksums');
    let id = '';
    let etag = '';
    await check('multipart upload', 'nothing works', async () => {
      id = await start(checksummed);
      return undefined;
    });
    await check('presigned part URL', 'nothing works', async () => {
      const answer = await send(id, checksummed, bytes);
      etag = answer.etag;
      return answer.status === 200 && etag !== '' ? undefined : `the PUT was answered ${answer.status}`;
    });
    if (!has('presigned part URL')) throw refusedUrl(capabilities.at(-1)?.detail ?? '');
    await check('list of parts', 'uploads can not be resumed part by part', async () => {
      const { Parts: parts = [] } = await control.send(new ListPartsCommand({ ...target, UploadId: id }));
      const [part] = parts;
      if (part?.Size !== bytes.length) return 'the part that was sent is not in it';
      return checksummed && part.ChecksumSHA256 !== base64 ? "the part's SHA-256 is not in it" : undefined;
    });
    await complete(id, etag, checksummed ? base64 : undefined, false).catch((error: unknown) => {
      throw toStoreError(error, 'complete');
    });
    await check('checksum of the object', 'every object is read back and hashed at commit', async () => {
      const head = await headObject(control, location, key);
      return head.sha256 === compositeSha256(hex) ? undefined : `HEAD told ${head.sha256 ?? 'none'}`;
    });
    await check('ranges', 'ranges are read from the start of the object', async () => {
      const answer = await control.send(new GetObjectCommand({ ...target, Range: 'bytes=1-2' }));
      await answer.Body?.transformToByteArray();
      return answer.ContentLength === 2 ? undefined : `two bytes were asked for, ${answer.ContentLength} came`;
    });
    await check('conditional completion', 'a second completion is told by looking at the object', async () => {
      const second = await start(false);
      try {
        const { etag: secondTag } = await send(second, false, bytes);
        await complete(second, secondTag, undefined, true);
        return 'an object that was there was replaced';
      } catch (error) {
        if (isPreconditionFailed(error)) return undefined;
        throw error;
      } finally {
        await abort(second);
      }
    });
  };

  const abort = async (id: string): Promise<void> => {
    await control.send(new AbortMultipartUploadCommand({ ...target, UploadId: id })).catch(() => undefined);
  };

  return {
    capabilities,
    has,
    upload,
    async cleanUp() {
      await control.send(new DeleteObjectCommand(target)).catch(() => undefined);
    },
  };
}

/** 501 and the 4xx of an unknown header tell of a missing feature; an outage, a refusal or a full store do not. */
function isOutage(error: unknown, failure: StoreError): boolean {
  if (['access_denied', 'full'].includes(failure.kind)) return true;
  if (failure.kind !== 'unavailable') return false;
  const metadata: unknown = typeof error === 'object' && error !== null && '$metadata' in error ? error.$metadata : {};
  const status =
    typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata && metadata.httpStatusCode;
  return typeof status !== 'number' || tellsOfOutage(status) || failure.message.includes('NoSuchBucket');
}

function tellsOfOutage(status: number): boolean {
  return status >= 500 && status !== NOT_IMPLEMENTED;
}

/** How S3 writes the SHA-256 of an object made of one part: of the part's own, with the number of parts behind it. */
export function compositeSha256(partSha256Hex: string): string {
  return `${createHash('sha256').update(Buffer.from(partSha256Hex, 'hex')).digest('base64')}-1`;
}

/** Without it nothing works. The SDK sets its own calls right by the store's clock; a URL, which a client sends, it can't. */
function refusedUrl(detail: string): StoreError {
  return new StoreError(
    'access_denied',
    `the store refuses the signed URL of a part (${detail}): check that the clocks of this machine and of the store agree`,
  );
}
