import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSession, uniqueBytes, upload } from '../support/uploading.ts';
import { HIDING_PLACES, type Hidden, hide, nowhere, OWN, VAULT } from './matrix/hidden.ts';
import { type ObservedServer, startObservedServer } from './matrix/observed-server.ts';
import { NAMES, PROBES, type Probe, SENDINGS } from './matrix/probes.ts';
import { type Callers, createWitness, type Seen } from './matrix/witness.ts';
import { tokenIdOf } from './tokens.ts';

let server: ObservedServer;
let callers: Callers;

beforeAll(async () => {
  server = await startObservedServer();
  await server.createRepository(OWN);
  await server.createRepository(VAULT);
  // So that no list of the caller's is ever at its end.
  await upload(server, OWN, uniqueBytes());
  callers = {
    reader: await server.issueToken('reader', [`repo:${OWN}:read`]),
    writer: await server.issueToken('writer', [`repo:${OWN}:write`]),
    owner: await server.issueToken('owner', [`repo:${OWN}:admin`]),
    stranger: await server.issueToken('stranger', ['repo:elsewhere:admin']),
    everywhere: await server.issueToken('everywhere', ['repo:*:write']),
  };
});

afterAll(() => server.close());

/** Runs the probe on bytes that are hidden there, and on bytes that are nowhere. */
async function compare(place: string, probe: Probe): Promise<{ hidden: Seen[]; absent: Seen[] }> {
  const seenOf = async (asked: Hidden) => {
    const { bytes, digest, objectKey } = asked;
    const base64 = Buffer.from(digest, 'hex').toString('base64');
    // What S3 makes an ETag of.
    const md5 = createHash('md5').update(bytes).digest('hex');
    const witness = createWitness(server, callers, { objectKey, digest, base64, md5, prefix: digest.slice(0, 12) });
    await probe(witness, asked);
    return witness.seen;
  };
  // Denials are written down at a bounded rate: with time in between, all of them are.
  server.clock.advance({ seconds: 2 });
  return { hidden: await seenOf(await hide(server, place)), absent: await seenOf(nowhere()) };
}

describe.each(Object.entries(HIDING_PLACES))('bytes %s:', (place, { extraWork }) => {
  test.each(Object.entries(PROBES))('%s tells as much as of bytes that are nowhere', async (_name, probe) => {
    const { hidden, absent } = await compare(place, probe);
    expect(absent).not.toEqual([]);
    expect(hidden).toEqual(absent);
  });

  test.each(Object.entries(SENDINGS))('who sends them by %s is answered as for others', async (_name, probe) => {
    const { hidden, absent } = await compare(place, probe);
    expect(answersOf(hidden)).toEqual(answersOf(absent));
  });

  test.each(Object.entries(SENDINGS))('to take them in by %s costs just this more', async (_name, probe) => {
    const { hidden, absent } = await compare(place, probe);
    const [more, less] = [difference(hidden, absent), difference(absent, hidden)];
    expect({ more, less }).toEqual({ more: extraWork, less: [] });
  });
});

const answersOf = (seen: Seen[]) => seen.map(({ answer }) => answer);

/** What the one took that the other did not, as kinds of work; statements that the other ran too, if not as often, are left out. */
function difference(one: Seen[], other: Seen[]): string[] {
  const left = other.flatMap(({ work }) => work);
  const known = new Set(left.filter((call) => call.includes('…')));
  const more = one
    .flatMap(({ work }) => work)
    .filter((call) => {
      const at = left.indexOf(call);
      if (at >= 0) left.splice(at, 1);
      return at < 0 && !known.has(call);
    });
  return more.map((call) => /^(insert into|update) \w+/.exec(call)?.[0] ?? call);
}

test('who may read everything is told of bytes in any repository', async () => {
  const create: Probe = ({ ask }, { digest }) =>
    ask('POST', `/v1/repos/${OWN}/uploads`, {
      as: 'everywhere',
      json: { expectedDigest: digest, expectedLength: 1000 },
    });
  const { hidden, absent } = await compare('in another repository', create);
  expect(hidden[0]?.answer).toContain('"deduped":true');
  expect(absent[0]?.answer).toContain('"deduped":false');
});

describe('the name of', () => {
  const existing: Record<string, () => Promise<string>> = {
    'an upload of another repository': async () => (await createSession(server, VAULT, uniqueBytes())).uploadId,
    'another repository': () => Promise.resolve(VAULT),
    'somebody else’s token': () => tokenIdOf(server, callers.everywhere),
  };

  test.each(Object.entries(NAMES))('%s tells as much as one that nothing has', async (what, probe) => {
    const there = await existing[what]?.();
    if (there === undefined) throw new Error(`${what}: there is none`);
    const seen: Seen[][] = [];
    for (const name of [there, what === 'another repository' ? 'other' : crypto.randomUUID()]) {
      const witness = createWitness(server, callers, { name });
      await probe(witness, name);
      seen.push(witness.seen);
    }
    expect(seen[0]).not.toEqual([]);
    expect(seen[0]).toEqual(seen[1]);
  });
});
