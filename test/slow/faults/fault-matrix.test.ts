import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { messageOf } from '../../../src/kernel/errors.ts';
import { FAULTY_STEPS, planCases } from './plan.ts';
import { type Result, writeReport } from './report.ts';
import { type FaultCase, runCase } from './run-case.ts';
import { DRIVERS, type Driver } from './world.ts';
import { createWorldPool, type WorldPool } from './world-pool.ts';

/** As many as CI has cores: more only wait for each other. */
const AT_ONCE = 2;
const LIMIT_MS = 30 * 60_000;

/** The calls of the lifecycle that change something, by the functions that make them: without one of these, not all is tried. */
const CHANGES = [
  'beginSession',
  'insertDedupedSession',
  'recordMultipart',
  'recordPartRequest',
  'recordCompletion',
  'takeLease',
  'recordCommit',
  'attachBlob',
  'recordMismatch',
  'recordAbort',
  'recordExpiry',
  'deleteReferences',
  'condemnUnreferenced',
  'markDeleting',
  'deleteBlobRow',
  'takeDueJobs',
  'postponeJob',
  'deleteJob',
  'acceptOrReject: commit',
  'inTransaction: commit',
  'dedupe: commit',
  'deleteReference: commit',
  'delete: commit',
  'store createMultipart',
  'store completeMultipart',
  'store put',
  'store purge',
];

const drivers = DRIVERS.filter((driver) => driver === 'folder' || inject('s3Servers') !== null);
const plans = new Map<Driver, FaultCase[]>();
const outcomes = new Map<FaultCase, string>();
let pool: WorldPool;

beforeAll(async () => {
  pool = await createWorldPool(AT_ONCE);
  for (const driver of drivers) plans.set(driver, await planCases(pool, driver));
}, LIMIT_MS);

afterAll(async () => {
  await pool[Symbol.asyncDispose]();
  if (process.env.ARTIFORTRESS_WRITE_REPORTS === '1') await writeReport(results());
}, LIMIT_MS);

const places = FAULTY_STEPS.flatMap((step) => drivers.map((driver) => ({ driver, step })));

test.each(drivers)('every call that changes something is made to fail on %s', (driver) => {
  const planned = plans.get(driver)?.map(({ fault }) => fault.call);
  expect(planned).toEqual(expect.arrayContaining(CHANGES));
});

describe.concurrent('whatever call fails, in whatever way, nothing is lost, stuck, done twice or left over', () => {
  test.each(places)('$step, on $driver', { timeout: LIMIT_MS }, async ({ driver, step }) => {
    const failures: string[] = [];
    for (const faultCase of casesOf(driver, step)) {
      const { call, occurrence, mode } = faultCase.fault;
      try {
        outcomes.set(faultCase, await pool.use(driver, (world) => runCase(world, faultCase)));
      } catch (error) {
        outcomes.set(faultCase, 'FAILED');
        failures.push(`${call}#${occurrence} ${mode}: ${messageOf(error)}`);
      }
    }
    expect(failures).toEqual([]);
  });
});

function casesOf(driver: Driver, step: string): FaultCase[] {
  return plans.get(driver)?.filter((planned) => planned.step.name === step) ?? [];
}

/** In the order of the lifecycle, whatever order they came in. */
function results(): Result[] {
  return places.flatMap(({ driver, step }) =>
    casesOf(driver, step).map((faultCase) => {
      const { fault } = faultCase;
      return { driver, step, fault, outcome: outcomes.get(faultCase) ?? 'FAILED' };
    }),
  );
}
