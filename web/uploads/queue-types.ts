import type { Session } from '../session.ts';
import type { SavedUpload } from './saved-uploads.ts';
import type { TransferPhase } from './transfer.ts';

/**
 * `paused`: by its person, who goes on with it. `halted`: since nobody is signed in; it goes on by itself once its person is. `interrupted`:
 * begun before the page was loaded; it takes the file again to go on.
 */
export type UploadPhase = 'waiting' | TransferPhase | 'paused' | 'halted' | 'interrupted' | 'done' | 'failed';

export interface UploadItem extends SavedUpload {
  readonly phase: UploadPhase;
  /** In this phase. */
  readonly doneBytes: number;
  readonly deduped: boolean;
  /** Why it has stopped; while it is under way, what it is trying again after. */
  readonly error: Error | null;
}

export interface ChosenFile {
  readonly file: File;
  readonly handle: FileSystemFileHandle | null;
}

/** The uploads of this tab. It lives as long as the page does, whatever page of the console is shown. */
export interface UploadQueue {
  /** Of whoever is signed in. */
  items(this: void): readonly UploadItem[];
  subscribe(this: void, listener: () => void): () => void;
  add(this: void, repoKey: string, files: readonly ChosenFile[]): void;
  pause(this: void, id: string): void;
  /** Goes on with what was paused, or has failed. */
  resume(this: void, id: string): void;
  /** Goes on with what was interrupted, with the same file. @returns what is wrong with it, or null. */
  resumeWith(this: void, id: string, file: File): string | null;
  /** Gives it up, and frees what was sent. */
  cancel(this: void, id: string): void;
  /** Takes what has ended off the list. */
  dismiss(this: void, id: string): void;
  /** From now on uploads are this session's; null: nobody's, and what is under way waits until its subject is back. */
  useSession(this: void, session: Session | null): void;
}
