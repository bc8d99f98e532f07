import type { ServerResponse } from 'node:http';
import { AppError, assert } from '../kernel/errors.ts';
import { isStoreError } from '../objects/errors.ts';
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
 * The headers of a redirect to the store, where one is asked for, by the request or else by the setting, and the store can be
 * reached by clients. The URL is for this method and this object alone, and short-lived; nothing may keep it.
 * `lengthBytes` is how much the client will read there.
 */
export async function redirectOf(
  services: Pick<Services, 'objects' | 'clock' | 'settings' | 'downloads'>,
  blob: Blob,
  method: 'GET' | 'HEAD',
  lengthBytes: number,
  asked: '0' | '1' | undefined,
): Promise<Record<string, string> | undefined> {
  const { downloadRedirect, downloadUrlTtlSeconds } = services.settings;
  const wanted = asked === undefined ? downloadRedirect : asked === '1';
  if (!wanted || blob.objectKey === null) return undefined;
  const expiresAt = new Date(services.clock.now().getTime() + downloadUrlTtlSeconds * 1000);
  const location = await services.objects.presignRead(blob.objectKey, method, expiresAt);
  if (location === undefined) return undefined;
  services.downloads.redirected(lengthBytes);
  return { location, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' };
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
    const reader = await services.objects.open(blob.objectKey, range).catch(explainMissing);
    try {
      await sendBody(response, reader, lengthBytes, download, begin);
    } finally {
      await reader.close();
    }
  } finally {
    download.end();
  }
}

/** A retry won't help, and only the operator can. The digest is known to whoever asked for it; where the bytes lay is for the log. */
function explainMissing(error: unknown): never {
  if (!isStoreError(error, 'object_not_found')) throw error;
  throw new AppError(
    'service_unavailable',
    'The stored bytes of this blob are missing: its operator has to look ("artifortress fsck").',
    { cause: error },
  );
}
