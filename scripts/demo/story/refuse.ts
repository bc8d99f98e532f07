import { NOBODY, type Stage } from '../stage.ts';
import type { World } from './world.ts';

/** Who may not is told so, before anything is told about what exists. */
export async function refuse(stage: Stage, world: World): Promise<void> {
  const { repoKey, admin, reader, stranger, artifact } = world;
  const path = `/v1/repos/${repoKey}/blobs/${artifact.digest}`;
  await stage.chapter('Unauthorized, forbidden, revoked');
  stage.say('Nobody, then somebody with a made-up token: 401, who are you?');
  const nobody = await stage.send(NOBODY, 'GET', path);
  stage.check(
    'without a token',
    [nobody.status, nobody.at('error'), nobody.header('www-authenticate')?.split(' ', 1)[0]],
    [401, 'unauthorized', 'Bearer'],
  );
  const madeUp = await stage.send({ ...NOBODY, token: 'made-up' }, 'GET', path);
  stage.check('with a token that is none', [madeUp.status, madeUp.at('error')], [401, 'unauthorized']);

  stage.say(
    'The reader tries to write, the stranger to read: 403, you may not. The stranger gets the same answer for a digest that nobody has.',
  );
  const write = await stage.send(reader, 'POST', `/v1/repos/${repoKey}/uploads`, {
    json: { expectedDigest: artifact.digest, expectedLength: artifact.bytes.length },
  });
  stage.check('a reader may not upload', [write.status, write.at('error')], [403, 'forbidden']);
  const there = await stage.send(stranger, 'GET', path);
  const nowhere = await stage.send(stranger, 'GET', `/v1/repos/${repoKey}/blobs/${'0'.repeat(64)}`);
  stage.check(
    'what exists and what does not look alike to them',
    [there.status, there.at('message')],
    [403, nowhere.at('message')],
  );

  stage.say("The administrator revokes the stranger's token. It bites on the very next request.");
  const revoked = await stage.send(admin, 'POST', '/v1/auth/pats/revoke', { json: { tokenId: stranger.tokenId } });
  stage.check('revoked', [revoked.status, revoked.at('status')], [200, 'revoked']);
  const after = await stage.send(stranger, 'GET', '/v1/auth/whoami');
  stage.check('they are nobody now', [after.status, after.at('error')], [401, 'unauthorized']);
}
