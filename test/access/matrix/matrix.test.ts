import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answered, askEverybody } from './ask-everybody.ts';
import { casesOf, withoutExample, withoutRoute } from './cases.ts';
import { normalised } from './normalise.ts';
import { readReport, reportOf, WRITE_REPORTS, writeReport } from './report.ts';
import { REPOS } from './repositories.ts';
import { createWorld } from './world.ts';

const world = await createWorld();
const { principals } = world;
const { routes } = world.server.running.routeTable;
const cases = casesOf(routes);

let answered: Answered[];

beforeAll(async () => {
  answered = await askEverybody(world, cases);
}, 180_000);

afterAll(() => world.close());

test('every route has an example', () => {
  expect(withoutExample(routes)).toEqual([]);
});

test('every example has a route', () => {
  expect(withoutRoute(routes)).toEqual([]);
});

test.each(cases.map((row) => row.name))('%s', (name) => {
  const { row, replies } = answeredOf(name);
  const expected = principals.map((principal) => [principal.name, row.expected(principal)]);
  const given = principals.map((principal) => [principal.name, replies.get(principal.name)?.status]);
  expect(Object.fromEntries(given)).toEqual(Object.fromEntries(expected));
});

function answeredOf(name: string): Answered {
  const found = answered.find(({ row }) => row.name === name);
  if (found === undefined) throw new Error(`${name} was not asked`);
  return found;
}

describe('a refusal gives no hint:', () => {
  test('every 401 says how to come with a token, and is the same whatever was asked for', () => {
    const refusals = repliesWith(401).filter(({ route }) => route !== 'POST /v1/auth/oidc/exchange');
    expect(refusals.filter(({ reply }) => reply.headers.get('www-authenticate') !== 'Bearer')).toEqual([]);
    expect(different(refusals, ({ method, principal }) => `${method === 'HEAD'} ${principal}`)).toEqual([]);
  });

  test('a 403 is the same whatever is there of what was asked for', () => {
    const onRepositories = repliesWith(403).filter(({ need }) => need === 'repository');
    expect(onRepositories.length).toBeGreaterThan(1000);
    expect(different(onRepositories, ({ route }) => route)).toEqual([]);
  });

  test('a 404 for what another repository has is that for what is nowhere', () => {
    const named = repliesWith(404).filter(({ about }) => about.startsWith('An upload or a blob'));
    expect(named.length).toBeGreaterThan(100);
    expect(different(named, ({ route }) => route)).toEqual([]);
  });

  test('a 404 for a deleted repository is that for one that never was', () => {
    const named = repliesWith(404).filter(({ about }) => about.startsWith('A repository'));
    expect(named.length).toBeGreaterThan(50);
    expect(different(named, ({ route }) => route)).toEqual([]);
  });

  test('a 405 names the methods of the route, whoever asks', () => {
    const unknown = repliesWith(405);
    expect(different(unknown, ({ route }) => route)).toEqual([]);
    for (const { pattern, reply } of unknown) {
      const methods = routes.filter((known) => known.pattern === pattern).map(({ method }) => method);
      expect(reply.headers.get('allow')?.split(', ')).toEqual(expect.arrayContaining(methods));
    }
  });
});

const NAMES = {
  uploadId: [world.foreign.uploadId, world.absent.uploadId],
  digest: [world.foreign.digest, world.absent.digest],
  // As they stand in JSON.
  repoKey: [REPOS.deleted, REPOS.absent].map((repoKey) => `\\"${repoKey}\\"`),
};

function repliesWith(status: number) {
  return answered.flatMap(({ row, replies }) =>
    [...replies]
      .filter(([, reply]) => reply.status === status)
      .map(([principal, reply]) => ({
        principal,
        reply,
        about: row.about,
        need: row.need.kind,
        method: row.method,
        pattern: row.pattern,
        route: `${row.method} ${row.pattern}`,
        text: Object.entries(NAMES).reduce(
          (text, [name, values]) => values.reduce((given, value) => given.replaceAll(value, `<${name}>`), text),
          normalised(reply),
        ),
      })),
  );
}

type Refusal = ReturnType<typeof repliesWith>[number];

/** The groups whose answers are not all one and the same. */
function different(refusals: readonly Refusal[], groupOf: (refusal: Refusal) => string): string[][] {
  const groups = Object.values(Object.groupBy(refusals, groupOf));
  return groups.map((group = []) => [...new Set(group.map(({ text }) => text))]).filter((texts) => texts.length > 1);
}

test('the committed report is that of this run', async () => {
  const report = reportOf(principals, answered);
  if (WRITE_REPORTS) await writeReport(report);
  expect(
    await readReport(),
    'docs/reports/authorization.md is out of date: write it with ARTIFORTRESS_WRITE_REPORTS=1',
  ).toBe(report);
});
