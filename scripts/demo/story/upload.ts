import type { Reply } from '../reply.ts';
import { NOBODY, type Stage } from '../stage.ts';
import { createSession, headersOf, type Session, sha256, type World } from './world.ts';

/** Sends the first part of two, and stops there. */
export async function interruptUpload(stage: Stage, { repoKey, writer, artifact }: World): Promise<Session> {
  await stage.chapter('Upload in parts, cut short');
  stage.say(
    `The writer has an artifact of ${artifact.bytes.length.toLocaleString('en')} bytes, and says first what will come: its SHA-256 and its length. The answer is a session that waits for exactly these bytes.`,
  );
  const session = await createSession(stage, writer, repoKey, artifact.bytes);
  const seen = await stage.send(writer, 'GET', session.path);
  stage.check('the session waits for its first part', [seen.status, seen.at('state')], [200, 'initiated']);

  stage.say(
    'Each part gets a signed URL, which needs no token, and here also the SHA-256 that its bytes must have. On an S3 store it leads past the server, to the store.',
  );
  const [first, second] = artifact.parts;
  const urls = await requestParts(stage, { writer, session }, [
    [1, first],
    [2, second],
  ]);
  stage.check('the session is open for parts', [urls.status, urls.at('state')], [200, 'parts_uploading']);
  const put = await putPart(stage, urls, 0, first);
  stage.check(
    'the store took the first part, and names it by an ETag',
    [put.status, put.header('etag') !== undefined],
    [200, true],
  );

  stage.say('Now the connection breaks, the laptop sleeps, the job is killed: the second part never comes.');
  const early = await stage.send(writer, 'HEAD', `/v1/repos/${repoKey}/blobs/${artifact.digest}`);
  stage.check('nothing half-made is to be seen', early.status, 404);
  return session;
}

/** Asks what is there, sends what is not, and commits. */
export async function resumeUpload(stage: Stage, world: World, session: Session): Promise<void> {
  const { repoKey, writer, artifact } = world;
  const [first, second] = artifact.parts;
  await stage.chapter('Resume, complete, commit');
  stage.say('The client comes back with nothing but the id of the session, and asks what the store already has.');
  const seen = await stage.send(writer, 'GET', session.path);
  stage.check(
    'part 1 is there in full, so only part 2 has to be sent',
    [seen.at('parts', 0, 'partNumber'), seen.at('parts', 0, 'sizeBytes'), seen.at('parts', 1)],
    [1, first?.length, undefined],
  );
  const urls = await requestParts(stage, { writer, session }, [[2, second]]);
  const put = await putPart(stage, urls, 0, second);
  stage.check('the store took the second part', put.status, 200);

  stage.say('Complete makes one object of the parts. It is not visible yet.');
  const parts = [
    { partNumber: 1, etag: seen.text('parts', 0, 'etag') },
    { partNumber: 2, etag: put.header('etag') ?? '' },
  ];
  const completed = await stage.send(writer, 'POST', `${session.path}/complete`, { json: { parts } });
  stage.check('it waits for its proof', [completed.status, completed.at('state')], [200, 'pending_commit']);

  stage.say('Commit proves length and digest of what lies in the store. Only then the artifact exists.');
  const committed = await commit(stage, world, session);
  stage.check('what was declared is what is there', committed.json, {
    uploadId: session.uploadId,
    repoKey,
    state: 'committed',
    digest: artifact.digest,
    length: artifact.bytes.length,
  });
  stage.say('The answer may have been lost on its way. Asking again is safe, and answers the same.');
  const again = await stage.send(writer, 'POST', `${session.path}/commit`);
  stage.check('a repeated commit answers the same', [again.status, again.json], [200, committed.json]);
}

/** Commits; a long verification answers 202, and is asked about again. */
export async function commit(stage: Stage, { writer }: World, session: Session): Promise<Reply> {
  for (;;) {
    const reply = await stage.send(writer, 'POST', `${session.path}/commit`);
    if (reply.status !== 202) return reply;
    const seconds = Number(reply.header('retry-after') ?? 1);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}

async function requestParts(
  stage: Stage,
  { writer, session }: { writer: World['writer']; session: Session },
  parts: readonly (readonly [partNumber: number, bytes: Buffer | undefined])[],
): Promise<Reply> {
  const json = {
    parts: parts.map(([partNumber, bytes = Buffer.alloc(0)]) => ({
      partNumber,
      sha256: sha256(bytes),
      sizeBytes: bytes.length,
    })),
  };
  return await stage.send(writer, 'POST', `${session.path}/parts`, { json });
}

async function putPart(stage: Stage, urls: Reply, index: number, bytes: Buffer | undefined): Promise<Reply> {
  const headers = headersOf(urls.at('parts', index, 'headers'));
  return await stage.send(NOBODY, 'PUT', urls.text('parts', index, 'uploadUrl'), {
    body: bytes ?? Buffer.alloc(0),
    headers,
  });
}
