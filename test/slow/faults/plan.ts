import { type CallSite, FAULT_MODES } from './fault-points.ts';
import { FLOWS } from './flows.ts';
import { type FaultCase, traceFlow } from './run-case.ts';
import type { Driver } from './world.ts';
import type { WorldPool } from './world-pool.ts';

/** `all` fails every call of every step on S3 too, where else each call is failed in the first step that makes it. */
const EVERYTHING = process.env.ARTIFORTRESS_FAULTS === 'all';

/** The steps whose calls are made to fail. */
export const FAULTY_STEPS: readonly string[] = FLOWS.flatMap(({ steps }) =>
  steps.filter(({ faulty }) => faulty).map(({ step }) => step.name),
);

/** What is run on a driver: the calls of each step, as they were seen where nothing fails, each in every mode. */
export async function planCases(pool: WorldPool, driver: Driver): Promise<FaultCase[]> {
  const known = new Set<string>();
  const isWanted = ({ call }: CallSite): boolean => {
    if (driver === 'folder' || EVERYTHING) return true;
    const isNew = !known.has(call);
    known.add(call);
    return isNew;
  };
  return await pool.use(driver, async (world) => {
    const cases: FaultCase[] = [];
    for (const flow of FLOWS) {
      for (const { step, calls } of await traceFlow(world, flow)) {
        const wanted = calls.filter(isWanted);
        cases.push(...wanted.flatMap((site) => FAULT_MODES.map((mode) => ({ flow, step, fault: { ...site, mode } }))));
      }
    }
    return cases;
  });
}
