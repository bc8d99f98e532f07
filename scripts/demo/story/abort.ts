import { randomBytes } from 'node:crypto';
import type { Stage } from '../stage.ts';
import { createSession, type World } from './world.ts';

/** An upload that is given up. */
export async function abortUpload(stage: Stage, { repoKey, writer }: World): Promise<void> {
  await stage.chapter('Abort');
  stage.say('The writer changes their mind, and says why.');
  const session = await createSession(stage, writer, repoKey, randomBytes(1000));
  const aborted = await stage.send(writer, 'POST', `${session.path}/abort`, { json: { reason: 'wrong file' } });
  stage.check(
    'the session ends, with the reason',
    [aborted.status, aborted.at('state'), aborted.at('reason')],
    [200, 'aborted', 'wrong file'],
  );
  const again = await stage.send(writer, 'POST', `${session.path}/abort`, { json: { reason: 'another reason' } });
  stage.check('repeated, it answers the same, with the first reason', again.json, aborted.json);
  const commit = await stage.send(writer, 'POST', `${session.path}/commit`);
  stage.check('what was aborted is never committed', [commit.status, commit.at('error')], [409, 'conflict']);
}
