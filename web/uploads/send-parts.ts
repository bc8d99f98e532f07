import {
  type Artifortress,
  ArtifortressError,
  type CompletedPart,
  type PresignedPart,
} from '../../src/client/index.ts';
import { mapInParallel } from '../../src/client/parallel.ts';
import { DEFAULT_RETRY_POLICY, isRepeatable, retrying } from '../../src/client/retry.ts';
import { platformRuntime } from '../../src/client/runtime.ts';
import { putPart } from './put-part.ts';

/** Browsers open six connections to a host; some of them are for the API. */
const PARALLEL_PARTS = 4;
/** URLs asked for at once: few enough that the last one is used before it expires. */
const URLS_PER_REQUEST = 8;
/** A 403 is mostly a URL that expired on the way; a second one with a fresh URL is not. */
const MOST_FORBIDDEN = 2;

export interface FilePart {
  readonly partNumber: number;
  readonly start: number;
  readonly end: number;
}

export interface PartsToSend {
  readonly client: Artifortress;
  readonly repoKey: string;
  readonly uploadId: string;
  readonly file: File;
  readonly parts: readonly FilePart[];
  /** The digest of the only part of an upload, which the store then proves as the bytes come in. */
  readonly onlyPartSha256: string | undefined;
  /** Bytes of all these parts that have gone out. */
  readonly onProgress: (sentBytes: number) => void;
  /** A part failed, and is about to be sent again. */
  readonly onTrouble: (error: Error) => void;
  readonly signal: AbortSignal;
}

/** Sends parts straight to where their URLs say, several at once, each as often as it takes. */
export function sendParts(sending: PartsToSend): Promise<CompletedPart[]> {
  const { client, repoKey, uploadId, file, parts, onlyPartSha256, onProgress, onTrouble, signal } = sending;
  const runtime = platformRuntime({});
  const sentBytes = new Map<number, number>();
  const batches = new Map<number, Promise<readonly PresignedPart[]>>();

  const presign = async (wanted: readonly FilePart[], batchSignal: AbortSignal) => {
    const requests = wanted.map(({ partNumber, start, end }) => ({
      partNumber,
      sizeBytes: end - start,
      sha256: onlyPartSha256,
    }));
    return await client.uploads.presignParts(repoKey, uploadId, requests, { signal: batchSignal });
  };

  const urlOf = async (part: FilePart, isFresh: boolean, partSignal: AbortSignal): Promise<PresignedPart> => {
    const index = Math.floor(parts.indexOf(part) / URLS_PER_REQUEST);
    const batch = parts.slice(index * URLS_PER_REQUEST, (index + 1) * URLS_PER_REQUEST);
    const urls = isFresh ? presign([part], partSignal) : (batches.get(index) ?? presign(batch, partSignal));
    if (!isFresh) batches.set(index, urls);
    const found = (await urls).find(({ partNumber }) => partNumber === part.partNumber);
    if (found !== undefined) return found;
    const message = `The server gave no address for part ${part.partNumber}.`;
    throw new ArtifortressError({ code: 'invalid_response', message });
  };

  const report = (part: FilePart, bytes: number): void => {
    sentBytes.set(part.partNumber, bytes);
    onProgress([...sentBytes.values()].reduce((sum, one) => sum + one, 0));
  };

  return mapInParallel(
    parts,
    () => PARALLEL_PARTS,
    signal,
    async (part, partSignal) => {
      let tries = 0;
      let forbidden = 0;
      const mayRepeat = (error: unknown): error is ArtifortressError => {
        if (!(error instanceof ArtifortressError)) return false;
        if (error.status === 403) forbidden += 1;
        const isPassing = error.status === 500 || isRepeatable(error, 'always');
        // Mostly a URL that came of age, which is no trouble.
        if (error.status === 403) return forbidden < MOST_FORBIDDEN;
        if (isPassing) onTrouble(error);
        return isPassing;
      };
      return await retrying({ runtime, policy: DEFAULT_RETRY_POLICY, signal: partSignal }, mayRepeat, async () => {
        tries += 1;
        const { uploadUrl: url, headers } = await urlOf(part, tries > 1, partSignal);
        report(part, 0);
        const body = file.slice(part.start, part.end);
        const onPart = (bytes: number): void => report(part, bytes);
        try {
          const etag = await putPart({ url, headers, body, onProgress: onPart, signal: partSignal });
          report(part, part.end - part.start);
          return { partNumber: part.partNumber, etag };
        } catch (error) {
          report(part, 0);
          await refuseUnreadable(file);
          throw error;
        }
      });
    },
  );
}

/** A request whose file has changed or gone fails as if the network had: the file itself tells. */
async function refuseUnreadable(file: File): Promise<void> {
  await file
    .slice(0, 1)
    .arrayBuffer()
    .catch(() => {
      const message = `"${file.name}" was changed, moved or deleted while it was being sent. Choose it again.`;
      throw new ArtifortressError({ code: 'source_changed', message });
    });
}
