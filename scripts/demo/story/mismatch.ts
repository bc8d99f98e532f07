import { randomBytes } from 'node:crypto';
import { NOBODY, type Stage } from '../stage.ts';
import { commit } from './upload.ts';
import { createSession, headersOf, sha256, type World } from './world.ts';

const BYTES = 1000;

/** Other bytes than declared: refused at the door where the part was bound to its checksum, else at the commit. */
export async function mismatch(stage: Stage, world: World): Promise<void> {
  await refusedAtTheDoor(stage, world);
  await refusedAtCommit(stage, world);
}

async function refusedAtTheDoor(stage: Stage, { repoKey, writer }: World): Promise<void> {
  await stage.chapter('Other bytes than declared');
  const [declared, other] = [randomBytes(BYTES), randomBytes(BYTES)];
  stage.say('A part whose URL is bound to a SHA-256, and other bytes: the store itself refuses them.');
  const session = await createSession(stage, writer, repoKey, declared);
  const part = await stage.send(writer, 'POST', `${session.path}/parts`, {
    json: { partNumber: 1, sha256: sha256(declared) },
  });
  const refused = await stage.send(NOBODY, 'PUT', part.text('uploadUrl'), {
    body: other,
    headers: headersOf(part.at('headers')),
  });
  stage.check('the store takes no other bytes than the signed ones', refused.status, 400);
  const seen = await stage.send(writer, 'GET', session.path);
  stage.check('and keeps none of them', seen.at('parts'), []);
}

async function refusedAtCommit(stage: Stage, world: World): Promise<void> {
  const { repoKey, writer } = world;
  const [declared, other] = [randomBytes(BYTES), randomBytes(BYTES)];
  stage.say('A part without a checksum takes any bytes. Then it is the commit that reads them, and refuses.');
  const session = await createSession(stage, writer, repoKey, declared);
  const part = await stage.send(writer, 'POST', `${session.path}/parts`, { json: { partNumber: 1 } });
  const put = await stage.send(NOBODY, 'PUT', part.text('uploadUrl'), { body: other });
  const completed = await stage.send(writer, 'POST', `${session.path}/complete`, {
    json: { parts: [{ partNumber: 1, etag: put.header('etag') ?? '' }] },
  });
  stage.check('the object is made', completed.at('state'), 'pending_commit');
  const refused = await commit(stage, world, session);
  stage.check(
    'the commit is refused, and says what was declared and what came',
    { status: refused.status, ...withoutMessage(refused.json) },
    {
      status: 409,
      error: 'upload_verification_failed',
      expectedDigest: sha256(declared),
      actualDigest: sha256(other),
      expectedLength: declared.length,
      actualLength: other.length,
    },
  );
  const seen = await stage.send(writer, 'GET', session.path);
  stage.check(
    'the session is over, for that reason',
    [seen.at('state'), seen.at('reason')],
    ['aborted', 'digest_mismatch'],
  );
  for (const digest of [sha256(declared), sha256(other)]) {
    const blob = await stage.send(writer, 'HEAD', `/v1/repos/${repoKey}/blobs/${digest}`);
    stage.check('nothing of it is visible', blob.status, 404);
  }
}

/** The sentence and the request id are for people. */
function withoutMessage(body: unknown): Record<string, unknown> {
  if (typeof body !== 'object' || body === null) return {};
  return Object.fromEntries(Object.entries(body).filter(([name]) => name !== 'message' && name !== 'requestId'));
}
