import { statfsSync } from 'node:fs';
import { GIB_BYTES, MIB_BYTES } from './units.ts';

/** What a second of small uploads leaves on the disk at the rate of a fast machine. */
export const SMALL_UPLOAD_BYTES_PER_SECOND = 400 * MIB_BYTES;

/** Throws before anything is written if the disk can't hold what the run writes. */
export function checkSpace(root: string, neededBytes: number): void {
  const { bavail, bsize } = statfsSync(root);
  if (bavail * bsize >= neededBytes) return;
  const gib = (bytes: number) => (bytes / GIB_BYTES).toFixed(1);
  throw new Error(
    `${root} has ${gib(bavail * bsize)} GiB free and the run may write ${gib(neededBytes)} GiB: ` +
      'choose another folder by --dir, or less by --big-mib, --rounds, --seconds, --traffic-gib or --only',
  );
}
