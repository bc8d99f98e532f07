import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TestServer } from '../../support/test-server.ts';
import { expectSound } from '../../uploads/inspect.ts';
import { storesAtHand } from '../support/stores.ts';
import { apply, CONTENTS, EMPTY, type Model, REPOSITORIES, type Seen, type Step } from './model.ts';
import { newSystem, startSystemServer } from './system.ts';

/** Printed with every run; the same seed makes the same steps. */
const SEED = Number(process.env.ARTIFORTRESS_SEED ?? Math.floor(Math.random() * 2 ** 31));
const RUNS = { folder: 80, minio: 12, versitygw: 0 } as const;
const STEPS_OF_A_RUN = 60;

const repo = fc.nat(REPOSITORIES - 1);
const content = fc.nat(CONTENTS - 1);
/** Which of the sessions so far, counted from the newest: the newest are where things happen. */
const recent = fc.nat(5);

const named = <Kind extends string>(kind: Kind) => fc.constant(kind);

const create = fc.record({ kind: named('create'), repo, content });
const part = fc.record({ kind: named('part'), recent, content });
const ofSession = fc.record({
  kind: fc.oneof(named('complete'), named('commit'), named('commit'), named('abort'), named('look')),
  recent,
});
const ofBlob = fc.oneof(
  fc.record({ kind: named('put'), repo, content, sent: content }),
  fc.record({ kind: fc.oneof(named('read'), named('delete')), repo, content }),
);
const single = fc.oneof(create, ofSession, ofBlob);

/** One client's step, or two clients' at once. A part is two requests, and time belongs to nobody: these come alone. */
const planned = fc.oneof(
  { weight: 3, arbitrary: create.map((one) => [one]) },
  { weight: 4, arbitrary: part.map((one) => [one]) },
  { weight: 6, arbitrary: ofSession.map((one) => [one]) },
  { weight: 3, arbitrary: ofBlob.map((one) => [one]) },
  { weight: 5, arbitrary: fc.tuple(single, single) },
  { weight: 1, arbitrary: fc.constantFrom({ kind: 'expire' as const }, { kind: 'work' as const }).map((one) => [one]) },
);
type Planned = (typeof planned extends fc.Arbitrary<(infer One)[]> ? One : never)[];

/** Gives the sessions that a plan means their names. */
function toSteps(plans: Planned, sessions: number[], nextId: () => number): Step[] {
  return plans.map((one): Step => {
    if (one.kind === 'create') return { ...one, id: nextId() };
    if (!('recent' in one)) return one;
    const { recent: back, ...step } = one;
    return { ...step, session: sessions.at(-1 - (back % Math.max(1, sessions.length))) ?? -1 };
  });
}

/** The models behind the orders in which steps at once may have come: none where no order leads to what was seen, two where both do. */
function serialised(model: Model, steps: readonly Step[], seen: readonly Seen[]): Model[] {
  const [first, second] = steps;
  const orders =
    first !== undefined && second !== undefined
      ? [
          [0, 1],
          [1, 0],
        ]
      : [[0]];
  return orders.flatMap((order) => {
    let next = model;
    const expected: Seen[] = [];
    for (const at of order) {
      const step = steps[at];
      if (step === undefined) continue;
      const [after, answer] = apply(next, step);
      next = after;
      expected[at] = answer;
    }
    return isDeepStrictEqual(expected.map(comparable), seen.map(comparable)) ? [next] : [];
  });
}

/** Each model once. */
function distinct(models: readonly Model[]): Model[] {
  return models.filter((model, at) => models.findIndex((other) => isDeepStrictEqual(model, other)) === at);
}

const comparable = ({ status, state, reason, error }: Seen) => [status, state ?? null, reason ?? null, error ?? null];

async function follow(server: TestServer, run: readonly Planned[]): Promise<number> {
  const system = await newSystem(server);
  // What was seen so far may fit several orders, of which later steps tell the true one.
  let models: Model[] = [EMPTY];
  let id = 0;
  let steps = 0;
  const sessions: number[] = [];
  const story: string[] = [];
  for (const plans of run) {
    const now = toSteps(plans, sessions, () => (id += 1));
    const seen = await Promise.all(now.map((step) => system.run(step)));
    story.push(now.map((step, at) => `${JSON.stringify(step)} → ${JSON.stringify(seen[at])}`).join('   with   '));
    models = distinct(models.flatMap((model) => serialised(model, now, seen)));
    if (models.length === 0) throw new Error(`no order of the last steps leads there:\n${story.join('\n')}`);
    sessions.push(...now.flatMap((step) => (step.kind === 'create' ? [step.id] : [])));
    steps += now.length;
  }
  expect(models.map(({ held }) => held)).toContainEqual(await system.held());
  return steps;
}

test.each(storesAtHand('folder', 'minio'))(
  'on %s the server does what the model does, whatever clients do',
  async (name, settings) => {
    process.stdout.write(`model on ${name}: replay with ARTIFORTRESS_SEED=${SEED}\n`);
    const server = await startSystemServer({ settings: settings() });
    let steps = 0;
    const property = fc.asyncProperty(fc.array(planned, { minLength: 20, maxLength: STEPS_OF_A_RUN }), async (run) => {
      steps += await follow(server, run);
    });
    await fc.assert(property, { seed: SEED, numRuns: RUNS[name], interruptAfterTimeLimit: 120_000 });
    await server.runWorker();
    await expectSound(server);
    process.stdout.write(`model on ${name}: ${steps} steps\n`);
    await server.close();
  },
);
