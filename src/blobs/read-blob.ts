import type { ServerResponse } from 'node:http';
import { AppError, assert } from '../kernel/errors.ts';
import type { ByteRange } from '../objects/object-store.ts';
import type { Services } from '../services.ts';
import type { Blob } from './model.ts';
import { sendBody } from './send-body.ts';

/** @throws AppError `service_unavailable` for a blob whose bytes are damaged: it is there, and its operator has to mend it. */
export function refuseDamaged(blob: Blob): void {
  if (blob.state !== 'damaged') return;
  throw new AppError('service_unavailable', 'The stored bytes of this blob are damaged; uploading it again mends it.');
}

/**
 * Sends a range of a blob's bytes, as one of the admitted downloads. `begin` writes the head of the answer.
 * @throws AppError and StoreError, before or after `begin` was called.
 */
export async function sendBlob(
  services: Pick<Services, 'objects' | 'downloads'>,
  blob: Blob,
  range: ByteRange,
  response: ServerResponse,
  begin: () => void,
): Promise<void> {
  assert(blob.objectKey !== null, 'a blob with bytes has an object');
  const lengthBytes = range.end - range.start + 1;
  const download = services.downloads.begin(lengthBytes);
  try {
    const reader = await services.objects.open(blob.objectKey, range);
    try {
      await sendBody(response, reader, lengthBytes, download, begin);
    } finally {
      await reader.close();
    }
  } finally {
    download.end();
  }
}
