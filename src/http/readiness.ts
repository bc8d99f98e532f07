import type { Clock } from '../kernel/clock.ts';
import { messageOf } from '../kernel/errors.ts';

/** A check that takes longer has failed. */
const CHECK_TIMEOUT_MS = 3_000;

/** Why each dependency is down; undefined for one that is up. */
export type Failures<Name extends string> = Readonly<Record<Name, string | undefined>>;

/**
 * Asks every dependency whether it can serve, all at the same time. What was found out is repeated for a while, and whoever asks
 * meanwhile waits for the same answer: however many probes there are, each dependency is asked by one at a time.
 */
export function createReadiness<Name extends string>(
  checks: Readonly<Record<Name, () => Promise<unknown>>>,
  cacheMs: number,
  clock: Clock,
): () => Promise<Failures<Name>> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of this very record
  const names = Object.keys(checks) as Name[];
  const askers = new Map(names.map((name) => [name, askOneAtATime(checks[name])]));
  let underWay: Promise<Failures<Name>> | undefined;
  let last: { failures: Failures<Name>; atMs: number } | undefined;

  const findOut = async (): Promise<Failures<Name>> => {
    const answers = await Promise.all([...askers].map(async ([name, ask]) => [name, await ask()] as const));
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one entry for each of the names
    const failures = Object.fromEntries(answers) as Failures<Name>;
    last = { failures, atMs: clock.monotonicMs() };
    return failures;
  };

  return async () => {
    if (last !== undefined && clock.monotonicMs() - last.atMs < cacheMs) return last.failures;
    underWay ??= findOut().finally(() => {
      underWay = undefined;
    });
    return await underWay;
  };
}

/** A check that hangs is not asked again before it ends: probes must not pile up on a dependency that is in trouble. */
function askOneAtATime(check: () => Promise<unknown>): () => Promise<string | undefined> {
  let underWay: Promise<string | undefined> | undefined;
  return async () => {
    underWay ??= outcomeOf(check).finally(() => {
      underWay = undefined;
    });
    return await Promise.race([underWay, timeout()]);
  };
}

async function outcomeOf(check: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await check();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function timeout(): Promise<string> {
  return new Promise((resolve) => {
    setTimeout(resolve, CHECK_TIMEOUT_MS, `no answer within ${CHECK_TIMEOUT_MS} ms`).unref();
  });
}
