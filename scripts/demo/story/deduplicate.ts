import type { Stage } from '../stage.ts';
import type { World } from './world.ts';

/** Bytes that are there are not sent again, and whoever may not read them does not learn that they are there. */
export async function deduplicate(stage: Stage, world: World): Promise<void> {
  const { repoKey, otherKey, writer, stranger, artifact } = world;
  await stage.chapter('The same bytes again');
  const json = { expectedDigest: artifact.digest, expectedLength: artifact.bytes.length };
  stage.say('The writer declares the same artifact once more.');
  const known = await stage.send(writer, 'POST', `/v1/repos/${repoKey}/uploads`, { json });
  stage.check(
    'no byte is needed: committed at once',
    [known.status, known.at('state'), known.at('deduped')],
    [200, 'committed', true],
  );
  stage.say(
    'The stranger may not read that repository. To them the same declaration is a new upload like any other: it tells nothing.',
  );
  const unknown = await stage.send(stranger, 'POST', `/v1/repos/${otherKey}/uploads`, { json });
  stage.check(
    'no hint that somebody else has these bytes',
    [unknown.status, unknown.at('state'), unknown.at('deduped')],
    [201, 'initiated', false],
  );
}
