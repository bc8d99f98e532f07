import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { NOBODY, type Stage } from '../stage.ts';
import { createSession, headersOf, type Session, type World } from './world.ts';

const SHORT_TIMES = { ARTIFORTRESS_UPLOAD_TTL_SECONDS: '4', ARTIFORTRESS_PART_URL_TTL_SECONDS: '1' };
/** Clocks of client and server may differ by as much. */
const MARGIN_MS = 1000;

/** A part URL and a session whose time is over. */
export async function expire(stage: Stage, world: World): Promise<void> {
  const { repoKey, writer, artifact } = world;
  await stage.chapter('Expiry');
  if (stage.installation.restart !== undefined) {
    stage.say(
      'So that nobody waits for a day, the server is stopped and started again on the same data, with ARTIFORTRESS_UPLOAD_TTL_SECONDS=4 and ARTIFORTRESS_PART_URL_TTL_SECONDS=1.',
    );
    await stage.installation.restart(SHORT_TIMES);
    const blob = await stage.send(writer, 'HEAD', `/v1/repos/${repoKey}/blobs/${artifact.digest}`);
    stage.check('what was committed before is there, and so are the tokens', blob.status, 200);
  }
  const bytes = randomBytes(1000);
  const session = await createSession(stage, writer, repoKey, bytes);
  const part = await stage.send(writer, 'POST', `${session.path}/parts`, { json: { partNumber: 1 } });
  const urlEndsAt = new Date(part.text('expiresAtUtc'));
  if (await isOver(stage, urlEndsAt, "a part's URL past its time", 'ARTIFORTRESS_PART_URL_TTL_SECONDS')) {
    const late = await stage.send(NOBODY, 'PUT', part.text('uploadUrl'), {
      body: bytes,
      headers: headersOf(part.at('headers')),
    });
    stage.check('a URL past its time takes nothing', late.status, 403);
  }
  if (await isOver(stage, session.expiresAt, 'a session past its time', 'ARTIFORTRESS_UPLOAD_TTL_SECONDS')) {
    await showExpired(stage, world, session);
  }
}

async function showExpired(stage: Stage, { writer, admin }: World, session: Session): Promise<void> {
  stage.say('The writer comes too late.');
  const late = await stage.send(writer, 'POST', `${session.path}/parts`, { json: { partNumber: 1 } });
  stage.check('the session takes no part any more', [late.status, late.at('error')], [409, 'conflict']);
  const seen = await stage.send(writer, 'GET', session.path);
  stage.check('it has ended by itself', [seen.at('state'), seen.at('reason')], ['aborted', 'expired']);
  const rows = await stage.send(admin, 'GET', `/v1/audit?action=upload.expired&resourceId=${session.uploadId}`);
  stage.check(
    'and left one row, of nobody but the system',
    [rows.at('items', 0, 'actor'), rows.at('items', 1)],
    ['system', undefined],
  );
}

/** Waits for that time, where it is near. @returns false where it is too far, which is then said. */
async function isOver(stage: Stage, at: Date, what: string, setting: string): Promise<boolean> {
  const waitMs = at.getTime() - Date.now() + MARGIN_MS;
  if (waitMs > stage.waitSeconds * 1000) {
    stage.notShown(
      what,
      `It would end at ${at.toISOString()}, in ${Math.ceil(waitMs / 1000)} seconds, and this demo waits for ${stage.waitSeconds} (--wait). ${setting} sets how long; the demo's own server, without --against, shows it at once.`,
    );
    return false;
  }
  stage.say(`It ends at ${at.toISOString()}: waiting for that.`);
  await sleep(Math.max(0, waitMs), undefined, { signal: stage.signal });
  return true;
}
