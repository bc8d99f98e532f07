import type { Stage } from '../stage.ts';
import { sha256, type World } from './world.ts';

const [RANGE_START, RANGE_END] = [1000, 1999];
const SUFFIX_BYTES = 16;

/** Whole, in ranges, not at all: what a GET can answer. */
export async function download(stage: Stage, { repoKey, reader, artifact }: World): Promise<void> {
  const { bytes, digest } = artifact;
  const length = bytes.length;
  await stage.chapter('Download: whole, in part, only if changed');
  stage.say('The reader fetches the artifact by its digest, and needs no trust in anybody to check it.');
  let path = `/v1/repos/${repoKey}/blobs/${digest}`;
  let whole = await stage.send(reader, 'GET', path);
  if (whole.status === 307) {
    stage.say(
      'This installation sends downloads on to its object store. What follows asks the server itself to answer.',
    );
    path += '?redirect=0';
    whole = await stage.send(reader, 'GET', path);
  }
  stage.check('the bytes are those of the digest', [whole.status, sha256(whole.bytes)], [200, digest]);
  stage.check('the ETag is the digest, for caches', whole.header('etag'), `"${digest}"`);
  stage.check(
    'Repr-Digest says it once more (RFC 9530)',
    whole.header('repr-digest'),
    `sha-256=:${Buffer.from(digest, 'hex').toString('base64')}:`,
  );

  stage.say('A range from the middle, and the last bytes.');
  const middle = await stage.send(reader, 'GET', path, { headers: { Range: `bytes=${RANGE_START}-${RANGE_END}` } });
  stage.check(
    'exactly these bytes, and where they are from',
    [middle.status, middle.header('content-range'), middle.bytes.equals(bytes.subarray(RANGE_START, RANGE_END + 1))],
    [206, `bytes ${RANGE_START}-${RANGE_END}/${length}`, true],
  );
  const suffix = await stage.send(reader, 'GET', path, { headers: { Range: `bytes=-${SUFFIX_BYTES}` } });
  stage.check('the end of it', [suffix.status, suffix.bytes.equals(bytes.subarray(-SUFFIX_BYTES))], [206, true]);
  const beyond = await stage.send(reader, 'GET', path, { headers: { Range: `bytes=${length}-` } });
  stage.check(
    'a range past the end is a 416 that tells the length',
    [beyond.status, beyond.at('error'), beyond.header('content-range')],
    [416, 'invalid_range', `bytes */${length}`],
  );

  stage.say('Who has it already is told so, and gets no byte.');
  const unchanged = await stage.send(reader, 'GET', path, { headers: { 'If-None-Match': `"${digest}"` } });
  stage.check('304, and nothing else', [unchanged.status, unchanged.bytes.length], [304, 0]);
  const resumed = await stage.send(reader, 'GET', path, {
    headers: { Range: 'bytes=0-99', 'If-Range': '"what it was before"' },
  });
  stage.check(
    'a range of something else starts over: all of it',
    [resumed.status, resumed.bytes.length],
    [200, length],
  );
}
