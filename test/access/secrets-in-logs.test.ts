import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isTokenSecret, newTokenSecret } from '../../src/access/model.ts';
import { sealAudit } from '../../src/audit/seal.ts';
import { createLogger } from '../../src/kernel/log.ts';
import { startServer } from '../../src/main.ts';
import { whileAuditRefuses } from '../audit/refuse-audit.ts';
import { createTestDatabase } from '../support/test-database.ts';
import { askEverybody } from './matrix/ask-everybody.ts';
import { casesOf, HELD } from './matrix/cases.ts';
import { inBody, inHeaders, inPath, inQuery, send, sendBroken } from './matrix/misplaced.ts';
import { type ObservedServer, startObservedServer } from './matrix/observed-server.ts';
import { createSearch, everyRow, recordSecrets, type SecretsRecord } from './matrix/secrets.ts';
import { createWorld, type World } from './matrix/world.ts';

let server: ObservedServer & SecretsRecord;
let world: World;

/** One of each kind of those who ask. */
const ASKING = [
  'unknown',
  'expired',
  'revoked',
  'Basic',
  'bare',
  'bootstrap',
  'bad boot',
  'metrics',
  'former',
  'write',
  '* admin',
];

/** A secret that is good, one that looks good, and ones of other kinds. */
let misplaced: string[];

beforeAll(async () => {
  world = await createWorld(async (options) => {
    server = recordSecrets(await startObservedServer(options));
    return server;
  });
  misplaced = [
    await server.issueToken('careless', ['repo:*:admin']),
    newTokenSecret(randomBytes),
    server.bootstrapToken,
    `eyJ${randomBytes(24).toString('base64url')}.${randomBytes(24).toString('base64url')}`,
  ];
  for (const secret of misplaced) server.secrets.add(secret);
  const { routes } = server.running.routeTable;
  const principals = world.principals.filter(({ name }) => ASKING.includes(name));
  const cases = casesOf(routes).filter(({ about }) => about === HELD);
  await askEverybody({ ...world, principals }, cases);
  for (const secret of misplaced) {
    await send(server, [...inQuery(secret), ...inHeaders(secret), ...inBody(secret)]);
    for (const { json } of await sendBroken(server, secret)) {
      server.answers.push({ request: 'broken', text: JSON.stringify(json ?? '') });
    }
  }
  await whileAuditRefuses(server, 'auth.pat.issued', () => server.issueToken('unlucky', ['repo:*:read']));
  await server.runWorker();
  await sealAudit(server.running.services);
  await send(server, [
    ['GET', '/metrics'],
    ['GET', '/v1/audit?limit=500'],
    ['GET', '/v1/auth/pats?limit=500'],
    ['GET', '/v1/audit/export'],
  ]);
}, 180_000);

afterAll(() => world.close());

/** Those of the texts that hold a secret, with it. */
function leaks<Text extends { text: string }>(texts: readonly Text[]): (Text & { found: string[] })[] {
  const search = createSearch(server.secrets);
  return texts.map((one) => ({ ...one, found: search(one.text) })).filter(({ found }) => found.length > 0);
}

const linesSince = (start: number) => server.logLines.slice(start).map((text) => ({ text }));

describe('of all secrets that were issued or sent, none stands', () => {
  test('in a line of the log', () => {
    expect(server.logLines.length).toBeGreaterThan(1000);
    expect(leaks(linesSince(0))).toEqual([]);
  });

  test('in an answer, but in the one that issues it', () => {
    expect(server.answers.length).toBeGreaterThan(1000);
    expect(leaks(server.answers)).toEqual([]);
  });

  test('in a row of the database', async () => {
    const rows = await everyRow(server);
    expect(rows.length).toBeGreaterThan(500);
    expect(leaks(rows)).toEqual([]);
  });
});

test('the bootstrap secret that a first start generates stands in no line of the log', async () => {
  await using undo = new AsyncDisposableStack();
  const database = await createTestDatabase();
  undo.defer(() => database.drop());
  const lines: { text: string }[] = [];
  const running = await startServer({
    settings: { ...server.running.services.settings, databaseUrl: database.url, bootstrapToken: undefined },
    log: createLogger('trace', { write: (text) => void lines.push({ text }) }),
  });
  undo.defer(() => running.stop());
  const { generatedBootstrapSecret: secret = '' } = running;
  const json = { subject: 'first', scopes: ['repo:*:admin'], ttlMinutes: 30 };
  const headers = { 'x-bootstrap-token': secret };
  const issued = await server.request('POST', `${running.url}/v1/auth/pats`, { token: null, headers, json });
  expect(issued.status).toBe(200);
  expect(lines).not.toEqual([]);
  expect(leaks(lines)).toEqual([]);
});

describe('a token that was put in the path stands', () => {
  let firstLine: number;
  let firstAnswer: number;

  beforeAll(async () => {
    [firstLine, firstAnswer] = [server.logLines.length, server.answers.length];
    for (const secret of misplaced.filter(isTokenSecret)) await send(server, inPath(secret));
  });

  test('in no line of the log', () => {
    expect(leaks(linesSince(firstLine))).toEqual([]);
  });

  test('in no answer', () => {
    expect(leaks(server.answers.slice(firstAnswer))).toEqual([]);
  });

  test('in no row of the database', async () => {
    expect(leaks(await everyRow(server))).toEqual([]);
  });
});

test('an upstream URL with a password and no user is refused', async () => {
  const json = { repoKey: 'proxy', repoType: 'remote', upstreamUrl: 'https://:secret@upstream.example/' };
  expect(await server.request('POST', '/v1/repos', { json })).toMatchObject({ status: 400 });
});
