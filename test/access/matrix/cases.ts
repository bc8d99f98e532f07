import type { Access } from '../../../src/http/app.ts';
import type { RouteTable } from '../../../src/http/route-table.ts';
import { type Ask, defaultParams, EXAMPLES, type Example } from './examples.ts';
import { expectedStatus, type Flaws } from './expected.ts';
import type { Principal } from './principals.ts';
import { REPOS } from './repositories.ts';
import type { World } from './world.ts';

type Route = RouteTable['routes'][number];

/** A route, and what it is asked about: one row of the matrix. */
export interface Case {
  /** Tells it from all others. */
  name: string;
  method: string;
  pattern: string;
  need: Access;
  /** The table of the report that it stands in. */
  about: string;
  /** Tells it from the others of the same route there. */
  what: string;
  ask(world: World, principal: Principal): Promise<Ask>;
  expected(principal: Principal): number;
  /** Whether the answer is known before the body is read. */
  isRefused(principal: Principal): boolean;
}

/** Rows about what the repository has. */
export const HELD = 'What is there';

/** In place of what a request names. */
interface Elsewhere {
  about: string;
  repoKey?: string;
  names?: 'foreign' | 'deleted' | 'absent';
  flaws: Partial<Flaws>;
  concerns: (route: Route) => boolean;
}

/** Whether it is about an upload or a blob that has to be there. */
const namesOne = ({ method, pattern }: Route) =>
  pattern.includes(':uploadId') || (pattern.includes(':digest') && method !== 'PUT');

const ELSEWHERE: readonly Elsewhere[] = [
  {
    about: 'An upload or a blob of another repository',
    names: 'foreign',
    flaws: { absent: true },
    concerns: namesOne,
  },
  {
    about: 'An upload or a blob that is nowhere',
    names: 'absent',
    flaws: { absent: true },
    concerns: namesOne,
  },
  {
    about: 'A repository that is deleted',
    repoKey: REPOS.deleted,
    names: 'deleted',
    flaws: { absent: true },
    concerns: () => true,
  },
  {
    about: 'A repository that never was',
    repoKey: REPOS.absent,
    names: 'absent',
    flaws: { absent: true },
    concerns: () => true,
  },
  { about: 'A key that can be none', repoKey: 'no%20key', flaws: { malformed: true }, concerns: () => true },
];

/** Every row of the matrix, out of the table of routes. @throws for a route that nobody has given an example of. */
export function casesOf(routes: readonly Route[]): Case[] {
  const cases = [...routes.flatMap(casesOfRoute), ...casesWithoutRoute(routes)];
  return cases.map((one) => ({ ...one, name: `${one.about}: ${one.method} ${one.pattern} ${one.what}`.trim() }));
}

/** The routes that have no example and need one, as a message that says what to add. */
export function withoutExample(routes: readonly Route[]): string[] {
  return routes
    .filter((route) => examplesOf(route) === undefined)
    .map(
      ({ method, pattern }) =>
        `EXAMPLES in test/access/matrix/examples.ts has no row for '${method} ${pattern}': add what it is asked, so that the matrix covers it`,
    );
}

/** Examples of what is no route any more. */
export function withoutRoute(routes: readonly Route[]): string[] {
  const names = new Set(routes.map(({ method, pattern }) => `${method} ${pattern}`));
  return Object.keys(EXAMPLES).filter((name) => !names.has(name));
}

function examplesOf({ method, pattern }: Route): readonly Example[] | undefined {
  const given = EXAMPLES[`${method} ${pattern}`] ?? (method === 'HEAD' ? EXAMPLES[`GET ${pattern}`] : undefined);
  if (given !== undefined) return given;
  const parameters = pattern.match(/:\w+|\*/g) ?? [];
  const plain = parameters.every((name) => [':repoKey', ':uploadId', ':digest', ':subject'].includes(name));
  return plain && /^(GET|HEAD)$/.test(method) ? [{ ask: () => ({}) }] : undefined;
}

type Unnamed = Omit<Case, 'name'>;

function casesOfRoute(route: Route): Unnamed[] {
  const { method, pattern, access: need } = route;
  const examples = examplesOf(route) ?? [];
  const [first] = examples;
  const cases = examples.map((example): Unnamed => {
    const flaws: Flaws = { otherwise: example.status ?? 200 };
    return {
      method,
      pattern,
      need,
      about: HELD,
      what: example.what ?? '',
      ask: async (world, principal) => await example.ask(world, principal),
      expected: (principal) =>
        expectedStatus(need, principal, REPOS.asked, {
          ...flaws,
          bodyForbids: example.bodyForbids?.(principal) === true,
        }),
      isRefused: (principal) => [401, 403].includes(expectedStatus(need, principal, REPOS.asked, { otherwise: 0 })),
    };
  });
  if (need.kind !== 'repository' || first === undefined) return cases;
  return [...cases, ...ELSEWHERE.filter(({ concerns }) => concerns(route)).map((to) => elsewhere(route, first, to))];
}

/** The first example of a route, about something else. */
function elsewhere({ method, pattern, access: need }: Route, example: Example, to: Elsewhere): Unnamed {
  const repoKey = to.repoKey ?? REPOS.asked;
  const expected = (principal: Principal) => expectedStatus(need, principal, repoKey, { otherwise: 200, ...to.flaws });
  return {
    method,
    pattern,
    need,
    about: to.about,
    what: '',
    expected,
    async ask(world, principal) {
      const { params, options } = await example.ask(world, principal);
      const named = to.names === undefined ? {} : world[to.names];
      return { params: { ...params, ...named, repoKey }, ...(options === undefined ? {} : { options }) };
    },
    isRefused: (principal) => [401, 403].includes(expected(principal)),
  };
}

/** Methods that no route takes tell everybody so, whatever they bring: `OPTIONS` everywhere, `HEAD` where there is no `GET`. */
function casesWithoutRoute(routes: readonly Route[]): Unnamed[] {
  const known = new Set(routes.map(({ method, pattern }) => `${method} ${pattern}`));
  const patterns = [...new Set(routes.map(({ pattern }) => pattern))];
  return ['HEAD', 'OPTIONS'].flatMap((method) =>
    patterns
      .filter((pattern) => !known.has(`${method} ${pattern}`))
      .map((pattern) => ({
        method,
        pattern,
        need: { kind: 'public' } as const,
        about: 'Methods without a route',
        what: '',
        ask: () => Promise.resolve({ path: pattern.replaceAll(/:\w+|\*/g, 'anything') }),
        expected: () => 405,
        isRefused: () => true,
      })),
  );
}

/** Where a request goes. */
export function pathOf(world: World, pattern: string, ask: Ask): string {
  if (ask.path !== undefined) return ask.path;
  const params: Record<string, string> = { ...defaultParams(world), ...ask.params };
  return pattern.replaceAll(/:(\w+)|\*/g, (name) => {
    const value = params[name.replace(':', '')];
    if (value === undefined) throw new Error(`${pattern}: the example says nothing of ${name}`);
    return value;
  });
}
