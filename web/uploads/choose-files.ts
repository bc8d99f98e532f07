import type { ChosenFile } from './queue-types.ts';

declare global {
  interface DataTransferItem {
    /** Not in every browser. */
    getAsFileSystemHandle?(): Promise<FileSystemHandle | null>;
  }
}

/** What was dropped: the files, and how many folders, which can't be uploaded as such. */
export interface Dropped {
  readonly files: readonly ChosenFile[];
  readonly folders: number;
}

/** The files of a drop, with a handle to come back to each by where the browser gives one. To be called before the event is over. */
export async function readDrop(transfer: DataTransfer): Promise<Dropped> {
  // The list empties as soon as the event is over: everything is asked for at once.
  const items = [...transfer.items].filter(({ kind }) => kind === 'file');
  const asked = items.map((item) => ({
    file: item.getAsFile(),
    isFolder: item.webkitGetAsEntry()?.isDirectory === true,
    handle: item.getAsFileSystemHandle?.().catch(() => null) ?? Promise.resolve(null),
  }));
  const files: ChosenFile[] = [];
  for (const { file, isFolder, handle } of asked) {
    if (file === null || isFolder) continue;
    const found = await handle;
    files.push({ file, handle: found instanceof FileSystemFileHandle ? found : null });
  }
  return { files, folders: asked.filter(({ isFolder }) => isFolder).length };
}

/** The file of a handle that was kept; null where the person, or the browser, does not let the page read it again. */
export async function reopen(handle: FileSystemFileHandle): Promise<File | null> {
  try {
    if ('requestPermission' in handle && typeof handle.requestPermission === 'function') {
      // Not in the types yet (File System Access, WICG).
      const state: unknown = await handle.requestPermission({ mode: 'read' });
      if (state !== 'granted') return null;
    }
    return await handle.getFile();
  } catch {
    return null;
  }
}
