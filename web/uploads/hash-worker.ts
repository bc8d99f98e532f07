import { createPortableHash } from '../../src/client/sha256.ts';

/** What the page is told: how far it is, and at last the digest, or why there is none. */
export type HashMessage =
  | { readonly kind: 'progress'; readonly doneBytes: number }
  | { readonly kind: 'digest'; readonly digest: string }
  | { readonly kind: 'failed'; readonly message: string };

const tell = (message: HashMessage): void => postMessage(message);

/** How often the page is told: a message for each chunk would keep it busy. */
const PROGRESS_STEP_BYTES = 4 * 1024 * 1024;

async function hash(file: Blob): Promise<string> {
  const sha256 = createPortableHash();
  const reader = file.stream().getReader();
  let doneBytes = 0;
  let toldBytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return sha256.digestHex();
    sha256.update(value);
    doneBytes += value.byteLength;
    if (doneBytes - toldBytes < PROGRESS_STEP_BYTES) continue;
    toldBytes = doneBytes;
    tell({ kind: 'progress', doneBytes });
  }
}

addEventListener('message', ({ data }: MessageEvent<unknown>) => {
  if (!(data instanceof Blob)) return;
  hash(data).then(
    (digest) => tell({ kind: 'digest', digest }),
    (error: unknown) => tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }),
  );
});
