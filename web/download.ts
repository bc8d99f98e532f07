import type { Artifortress } from '../src/client/index.ts';

declare global {
  interface Window {
    /** Chromium, on pages that came over HTTPS or from this machine. */
    showSaveFilePicker?(options: { suggestedName: string }): Promise<FileSystemFileHandle>;
  }
}

export interface Download {
  readonly client: Artifortress;
  readonly repoKey: string;
  readonly digest: string;
  readonly onProgress: (doneBytes: number) => void;
  readonly signal: AbortSignal;
}

/** In the browser's private storage; emptied at the start of the next download. */
const FOLDER = 'artifortress-downloads';

/**
 * Downloads a blob, verified on its way: a file appears only if the bytes are those of the digest. A link can't carry a token, so the page
 * itself reads the bytes and passes each chunk on to the disk: to the file that the person chooses, where a browser lets a page write to one;
 * else to the browser's private storage, from where the whole is then saved; and where there is neither, on pages that came over plain HTTP
 * from another machine, to a Blob, which is all in the browser's keeping. @throws ArtifortressError; AbortError where the person changes their mind.
 */
export async function download(work: Download): Promise<void> {
  if (window.showSaveFilePicker !== undefined) {
    // Asked for first: a browser shows the dialog only while the click is fresh.
    const handle = await window.showSaveFilePicker({ suggestedName: work.digest });
    await writeTo(handle, work);
    return;
  }
  const handle = await privateFile(work.digest);
  if (handle === null) save(await new Response(await open(work)).blob(), work.digest);
  else {
    await writeTo(handle, work);
    const file = await handle.getFile();
    // Of a file without a type browsers guess one, and give it an ending.
    save(file.slice(0, file.size, 'application/octet-stream'), work.digest);
  }
}

async function open({
  client,
  repoKey,
  digest,
  onProgress,
  signal,
}: Download): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const { body } = await client.pull({
    repoKey,
    digest,
    signal,
    onProgress: ({ doneBytes }) => onProgress(doneBytes),
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- chunks of a fetch never are of shared memory
  return body as ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** Chunk by chunk, as fast as the disk takes them; what fails, or was not what it should be, leaves no file. */
async function writeTo(handle: FileSystemFileHandle, work: Download): Promise<void> {
  const target = await handle.createWritable();
  await (await open(work)).pipeTo(target);
}

/** Null where the browser has no private storage for this page. */
async function privateFile(digest: string): Promise<FileSystemFileHandle | null> {
  try {
    const root = await navigator.storage.getDirectory();
    await root.removeEntry(FOLDER, { recursive: true }).catch(() => undefined);
    const folder = await root.getDirectoryHandle(FOLDER, { create: true });
    const handle = await folder.getFileHandle(digest, { create: true });
    // Safari writes to such files in workers alone.
    return 'createWritable' in handle ? handle : null;
  } catch {
    return null;
  }
}

/** Long enough for a browser to have begun with it. */
const KEPT_MS = 60_000;

/** Hands a file to the browser, which saves it as it saves downloads. */
export function save(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
