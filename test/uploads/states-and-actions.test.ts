import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UploadState } from '../../src/uploads/model.ts';
import { type Reply, startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256 } from '../support/uploading.ts';
import { type Held, inState, SITUATIONS, type Situation, UPLOAD_TTL_SECONDS } from './in-state.ts';
import { rowOf, trailOf } from './inspect.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ settings: { uploadTtlSeconds: UPLOAD_TTL_SECONDS } });
});

afterAll(() => server.close());

const ACTIONS = {
  'one part': (held: Held) => server.request('POST', `${held.path}/parts`, { json: { partNumber: 1 } }),
  'many parts': (held: Held) =>
    server.request('POST', `${held.path}/parts`, { json: { parts: [{ partNumber: 2 }, { partNumber: 1 }] } }),
  complete: (held: Held) =>
    server.request('POST', `${held.path}/complete`, { json: { parts: [{ partNumber: 1, etag: held.etag }] } }),
  commit: (held: Held) => server.request('POST', `${held.path}/commit`),
  abort: (held: Held) => server.request('POST', `${held.path}/abort`, { json: { reason: 'no longer wanted' } }),
  get: (held: Held) => server.request('GET', held.path),
  list: (held: Held) => server.request('GET', `/v1/repos/${held.repoKey}/uploads`),
} satisfies Record<string, (held: Held) => Promise<Reply>>;

type Action = keyof typeof ACTIONS;
const ACTION_NAMES: readonly Action[] = ['one part', 'many parts', 'complete', 'commit', 'abort', 'get', 'list'];

interface Cell {
  status: number;
  body: (held: Held) => Record<string, unknown>;
  /** After the action, in the database. */
  state: UploadState;
  reason: string | null;
  /** The audit rows that the action wrote. */
  audit: string[];
}

interface Standing {
  state: UploadState;
  reason: string | null;
}

const signed = { uploadUrl: expect.stringContaining('/blobs/sha256/'), headers: {}, expiresAtUtc: expect.any(String) };

const base = (held: Held, state: UploadState) => ({ uploadId: held.uploadId, repoKey: held.repoKey, state });

const taken: Record<'one part' | 'many parts', Cell> = {
  'one part': {
    status: 200,
    body: (held) => ({ ...base(held, 'parts_uploading'), partNumber: 1, ...signed }),
    state: 'parts_uploading',
    reason: null,
    audit: ['upload.part.presigned'],
  },
  'many parts': {
    status: 200,
    body: (held) => ({
      ...base(held, 'parts_uploading'),
      parts: [
        { partNumber: 2, ...signed },
        { partNumber: 1, ...signed },
      ],
    }),
    state: 'parts_uploading',
    reason: null,
    audit: ['upload.part.presigned'],
  },
};

const completes = (audit: string[]): Cell => ({
  status: 200,
  body: (held) => ({
    ...base(held, 'pending_commit'),
    expectedDigest: sha256(held.bytes),
    expectedLength: held.bytes.length,
  }),
  state: 'pending_commit',
  reason: null,
  audit,
});

const commits = (audit: string[]): Cell => ({
  status: 200,
  body: (held) => ({ ...base(held, 'committed'), digest: sha256(held.bytes), length: held.bytes.length }),
  state: 'committed',
  reason: null,
  audit,
});

const aborts = (reason: string, audit: string[]): Cell => ({
  status: 200,
  body: (held) => ({ ...base(held, 'aborted'), reason }),
  state: 'aborted',
  reason,
  audit,
});

const fails = (status: number, error: string, message: unknown, standing: Standing, audit: string[] = []): Cell => ({
  status,
  body: () => ({ error, message, requestId: expect.any(String) }),
  ...standing,
  audit,
});

const VERBS = {
  'one part': 'take parts',
  'many parts': 'take parts',
  complete: 'be completed',
  commit: 'be committed',
  abort: 'be aborted',
};

/** What a state refuses, it refuses by its name. */
function refuses<Name extends keyof typeof VERBS>(standing: Standing, ...actions: Name[]): Record<Name, Cell> {
  const { state, reason } = standing;
  const named = reason === null ? state : `${state} (${reason})`;
  const cells = actions.map((action) => [
    action,
    fails(409, 'conflict', `The upload is ${named}: it can't ${VERBS[action]}.`, standing),
  ]);
  return Object.fromEntries(cells);
}

/** Reading changes nothing and writes nothing. */
const shows = (standing: Standing, parts: number): Record<'get' | 'list', Cell> => {
  const session = (held: Held) => ({ ...base(held, standing.state), reason: standing.reason });
  const cell = { status: 200, ...standing, audit: [] };
  return {
    get: {
      ...cell,
      body: (held) => ({
        ...session(held),
        parts: [
          { partNumber: 1, sizeBytes: held.bytes.length, etag: expect.stringMatching(/^"[0-9a-f]{32,64}"$/) },
        ].slice(0, parts),
      }),
    },
    list: {
      ...cell,
      body: (held) => ({ items: expect.arrayContaining([expect.objectContaining(session(held))]), nextCursor: null }),
    },
  };
};

const live = (state: UploadState): Standing => ({ state, reason: null });
const ended = (reason: string): Standing => ({ state: 'aborted', reason });

const COMMITTED = {
  ...refuses(live('committed'), 'one part', 'many parts', 'complete', 'abort'),
  commit: commits([]),
};

/** A mismatch is told again, however often it is asked for. */
const mismatch = (reason: string, actual: (held: Held) => Record<string, unknown>): Record<Action, Cell> => ({
  ...refuses(ended(reason), 'one part', 'many parts', 'complete'),
  commit: {
    status: 409,
    body: (held) => ({
      error: 'upload_verification_failed',
      message: expect.stringContaining('nothing was committed'),
      requestId: expect.any(String),
      expectedDigest: held.created.json.expectedDigest,
      expectedLength: held.created.json.expectedLength,
      ...actual(held),
    }),
    ...ended(reason),
    audit: [],
  },
  abort: aborts(reason, []),
  ...shows(ended(reason), 0),
});

const EXPIRY_MESSAGE = expect.stringMatching(
  /^The upload expired at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z and is aborted \(expired\): start a new one\.$/,
);

/** Whoever comes first ends a session past its time, once. */
const pastItsTime = (state: UploadState, parts: number): Record<Action, Cell> => {
  const refused = fails(409, 'conflict', EXPIRY_MESSAGE, ended('expired'), ['upload.expired']);
  return {
    'one part': refused,
    'many parts': refused,
    complete: refused,
    commit: refused,
    abort: aborts('expired', ['upload.expired']),
    ...shows(live(state), parts),
  };
};

const gone = fails(404, 'not_found', expect.stringMatching(/^There is no repository "repo-\d+"\.$/), {
  ...ended('repository_deleted'),
});

const TABLE: Record<Situation, Record<Action, Cell>> = {
  initiated: {
    ...taken,
    ...refuses(live('initiated'), 'complete', 'commit'),
    abort: aborts('no longer wanted', ['upload.aborted']),
    ...shows(live('initiated'), 0),
  },
  parts_uploading: {
    ...taken,
    complete: completes(['upload.completed']),
    ...refuses(live('parts_uploading'), 'commit'),
    abort: aborts('no longer wanted', ['upload.aborted']),
    ...shows(live('parts_uploading'), 1),
  },
  pending_commit: {
    ...refuses(live('pending_commit'), 'one part', 'many parts'),
    complete: completes([]),
    commit: commits(['upload.committed']),
    abort: aborts('no longer wanted', ['upload.aborted']),
    ...shows(live('pending_commit'), 1),
  },
  committed: { ...COMMITTED, ...shows(live('committed'), 1) },
  'committed by dedupe': { ...COMMITTED, ...shows(live('committed'), 0) },
  'aborted by its client': {
    ...refuses(ended('client_abort'), 'one part', 'many parts', 'complete', 'commit'),
    abort: aborts('client_abort', []),
    ...shows(ended('client_abort'), 0),
  },
  'aborted by another digest': mismatch('digest_mismatch', (held) => ({
    actualDigest: sha256(held.bytes),
    actualLength: held.bytes.length,
  })),
  'aborted by another length': mismatch('length_mismatch', (held) => ({
    actualDigest: null,
    actualLength: held.bytes.length,
  })),
  'aborted by the sweep': {
    ...refuses(ended('expired'), 'one part', 'many parts', 'complete', 'commit'),
    abort: aborts('expired', []),
    ...shows(ended('expired'), 0),
  },
  'initiated, past its time': pastItsTime('initiated', 0),
  'parts_uploading, past its time': pastItsTime('parts_uploading', 1),
  'pending_commit, past its time': pastItsTime('pending_commit', 1),
  'of a deleted repository': {
    'one part': gone,
    'many parts': gone,
    complete: gone,
    commit: gone,
    abort: gone,
    get: gone,
    list: gone,
  },
};

describe.each(SITUATIONS)('a session that is %s', (situation) => {
  test.each(ACTION_NAMES)('answers "%s" as the table says', async (action) => {
    const held = await inState(server, situation);
    const trailBefore = await trailOf(server, held.uploadId);
    const reply = await ACTIONS[action](held);
    const trail = await trailOf(server, held.uploadId);
    const { state, reason } = await rowOf(server, held.uploadId);
    const cell = TABLE[situation][action];
    expect({ status: reply.status, state, reason, audit: trail.slice(trailBefore.length) }).toEqual({
      status: cell.status,
      state: cell.state,
      reason: cell.reason,
      audit: cell.audit,
    });
    const body = action === 'get' ? expect.objectContaining(cell.body(held)) : cell.body(held);
    expect(reply.json).toEqual(body);
  });
});
