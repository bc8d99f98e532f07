import type { Stage } from '../stage.ts';
import { abortUpload } from './abort.ts';
import { auditTrail } from './audit.ts';
import { deduplicate } from './deduplicate.ts';
import { download } from './download.ts';
import { expire } from './expire.ts';
import { introduce } from './introduce.ts';
import { mismatch } from './mismatch.ts';
import { receipt } from './receipt.ts';
import { refuse } from './refuse.ts';
import { createTidying } from './tidying.ts';
import { interruptUpload, resumeUpload } from './upload.ts';

/** The whole story. Whatever becomes of it, what it made is removed at the end. */
export async function play(stage: Stage): Promise<void> {
  const tidying = createTidying(stage);
  try {
    const world = await introduce(stage, tidying);
    const session = await interruptUpload(stage, world);
    await resumeUpload(stage, world, session);
    await deduplicate(stage, world);
    await mismatch(stage, world);
    await download(stage, world);
    await refuse(stage, world);
    await abortUpload(stage, world);
    await expire(stage, world);
    await auditTrail(stage, world, session.uploadId);
    await receipt(stage, world);
  } finally {
    await tidying.tidyUp();
  }
}
