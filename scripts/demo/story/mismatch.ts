import { randomBytes } from 'node:crypto';
import type { Reply } from '../reply.ts';
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
  checkStoreRefusal(stage, refused, { announced: sha256(declared), sent: sha256(other) });
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
    'the commit is refused, in words, and by what was declared and what came',
    [refused.status, refused.json],
    [
      409,
      {
        error: 'upload_verification_failed',
        message:
          'The uploaded bytes have another digest than was declared; nothing was committed and the upload is aborted. Start a new one.',
        requestId: refused.header('x-request-id'),
        expectedDigest: sha256(declared),
        actualDigest: sha256(other),
        expectedLength: declared.length,
        actualLength: other.length,
      },
    ],
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

/** What S3 servers call bytes of another checksum than was signed. */
const S3_CODES = ['BadDigest', 'XAmzContentChecksumMismatch', 'XAmzContentSHA256Mismatch'];

/** The product's own store says what came; a store behind S3 has its own words. */
function checkStoreRefusal(stage: Stage, refused: Reply, digests: { announced: string; sent: string }): void {
  if (refused.json === undefined) {
    const code = /<Code>(\w+)<\/Code>/.exec(refused.bytes.toString('utf8'))?.[1] ?? 'none';
    stage.check(
      'the store takes no other bytes than the signed ones, and says why',
      [refused.status, S3_CODES.includes(code) ? 'a checksum that differs' : code],
      [400, 'a checksum that differs'],
    );
    return;
  }
  stage.check(
    'the store takes no other bytes than the signed ones, and says which came',
    [refused.status, refused.json],
    [
      400,
      {
        error: 'bad_request',
        message: `the part has the SHA-256 ${digests.sent}, and ${digests.announced} was announced.`,
        requestId: refused.header('x-request-id'),
      },
    ],
  );
}
