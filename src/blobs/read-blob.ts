import type { Readable } from 'node:stream';
import { AppError, assert } from '../kernel/errors.ts';
import type { ByteRange, ObjectBody } from '../objects/object-store.ts';
import type { Services } from '../services.ts';
import type { Blob } from './model.ts';

const NOTHING = Buffer.alloc(0);

/** @throws AppError `service_unavailable` for a blob whose bytes are damaged: it is there, and its operator has to mend it. */
export function refuseDamaged(blob: Blob): void {
  if (blob.state !== 'damaged') return;
  throw new AppError('service_unavailable', 'The stored bytes of this blob are damaged; uploading it again mends it.');
}

/** Opens a range of a blob's bytes, as one of the admitted downloads. Destroying the stream stops the read and ends the download. */
export async function readBlob(
  services: Pick<Services, 'objects' | 'downloads'>,
  blob: Blob,
  range: ByteRange | undefined,
): Promise<ObjectBody> {
  if (range === undefined) return NOTHING;
  assert(blob.objectKey !== null, 'a blob with bytes has an object');
  const download = services.downloads.begin();
  try {
    const body = await services.objects.read(blob.objectKey, { range, chunkBytes: download.chunkBytes });
    if (Buffer.isBuffer(body)) download.end();
    else endWith(body, download.end);
    return body;
  } catch (error) {
    download.end();
    throw error;
  }
}

function endWith(body: Readable, end: () => void): void {
  body.once('close', end);
}
