import type { Database, Queryable } from '../../../src/kernel/database.ts';
import { AppError } from '../../../src/kernel/errors.ts';
import { StoreError } from '../../../src/objects/errors.ts';
import type { ObjectStore } from '../../../src/objects/object-store.ts';
import { callerOf } from './caller.ts';

export const FAULT_MODES = ['killed_before', 'reply_lost', 'reply_lost_survives', 'error', 'hang'] as const;

/**
 * What happens at a call: the process dies before it, or once it has had its effect; the reply of its effect is lost on the way, and the
 * process lives on; it fails without an effect; it never comes back.
 */
type FaultMode = (typeof FAULT_MODES)[number];

/** A call to the database or to the store, and the how manieth of that name it is since the counting began. */
export interface CallSite {
  call: string;
  occurrence: number;
}

export interface Fault extends CallSite {
  mode: FaultMode;
}

/** Counts the calls that pass, and makes one of them go wrong, once. */
export interface FaultPoints {
  /** Counts from here on anew; without a fault it only counts. */
  watch(fault: Fault | undefined): void;
  calls(): CallSite[];
  /** Stands before each call. @returns how it is to go wrong once it has had its effect. */
  before(call: string, failure: () => Error): Promise<FaultMode | undefined>;
  after(mode: FaultMode | undefined, failure: () => Error): Promise<void>;
}

/** @param onHit is called at a fault that the process outlives. */
export function createFaultPoints(onHit: () => void): FaultPoints {
  let planned: Fault | undefined;
  let seen: CallSite[] = [];

  const before = async (call: string, failure: () => Error): Promise<FaultMode | undefined> => {
    const occurrence = seen.filter((earlier) => earlier.call === call).length + 1;
    seen.push({ call, occurrence });
    if (planned?.call !== call || planned.occurrence !== occurrence) return undefined;
    const { mode } = planned;
    planned = undefined;
    if (mode === 'killed_before') await die();
    if (mode === 'hang' || mode === 'error') onHit();
    if (mode === 'hang') await forever();
    if (mode === 'error') throw failure();
    return mode;
  };
  const after = async (mode: FaultMode | undefined, failure: () => Error): Promise<void> => {
    if (mode === 'reply_lost') await die();
    if (mode !== 'reply_lost_survives') return;
    onHit();
    throw failure();
  };

  return {
    watch(fault) {
      planned = fault;
      seen = [];
    },
    calls: () => seen,
    before,
    after,
  };
}

async function pass<Result>(
  points: FaultPoints,
  call: string,
  failure: () => Error,
  work: () => Promise<Result>,
): Promise<Result> {
  const mode = await points.before(call, failure);
  const result = await work();
  await points.after(mode, failure);
  return result;
}

/** The calls of one connection: what is sent behind one that hangs, or that finds the connection lost, fares like it. */
function onOneConnection(points: FaultPoints): FaultPoints {
  let last: Promise<unknown> = Promise.resolve();
  return {
    ...points,
    before(call, failure) {
      const mode = last.then(() => points.before(call, failure));
      last = mode;
      return mode;
    },
  };
}

function forever(): Promise<never> {
  return new Promise(() => {});
}

/** As by a loss of power: nothing is closed, nothing flushed. */
function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return forever();
}

/** As `openDatabase` tells it. */
function databaseAway(): Error {
  return new AppError('service_unavailable', 'The database is away; retry as Retry-After says.', {
    retryAfterSeconds: 2,
    cause: connectionLost(),
  });
}

/** As the driver tells it, to what `openDatabase` runs inside of a transaction. */
function connectionLost(): Error {
  return new Error('Connection terminated unexpectedly');
}

function storeAway(): Error {
  return new StoreError('unavailable', 'the store is away');
}

/** Every statement is a call, named by the function that sends it; so are the begin and the commit of each transaction. */
export function databaseWithFaults(db: Database, points: FaultPoints): Database {
  return {
    query: (statement) => pass(points, callerOf(), databaseAway, () => db.query(statement)),
    async transaction(work) {
      const name = callerOf();
      let mode: FaultMode | undefined;
      const result = await db.transaction(async (transaction) => {
        const connection = onOneConnection(points);
        await pass(connection, `${name}: begin`, connectionLost, async () => {});
        const done = await work(statementsOf(transaction, connection));
        mode = await connection.before(`${name}: commit`, connectionLost);
        return done;
      });
      await points.after(mode, databaseAway);
      return result;
    },
    close: () => db.close(),
  };
}

function statementsOf(transaction: Queryable, connection: FaultPoints): Queryable {
  return {
    query: (statement) => pass(connection, callerOf(), connectionLost, () => transaction.query(statement)),
  };
}

/** Every method that asks the store, or signs, is a call. The lists are only for `fsck`. */
export function storeWithFaults(store: ObjectStore, points: FaultPoints): ObjectStore {
  const asked = <Result>(method: string, work: () => Promise<Result>) =>
    pass(points, `store ${method}`, storeAway, work);
  return {
    driver: store.driver,
    capabilities: () => store.capabilities(),
    createMultipart: (...args) => asked('createMultipart', () => store.createMultipart(...args)),
    presignPart: (...args) => asked('presignPart', () => store.presignPart(...args)),
    presignRead: (...args) => asked('presignRead', () => store.presignRead(...args)),
    listParts: (...args) => asked('listParts', () => store.listParts(...args)),
    completeMultipart: (...args) => asked('completeMultipart', () => store.completeMultipart(...args)),
    abortMultipart: (...args) => asked('abortMultipart', () => store.abortMultipart(...args)),
    put: (...args) => asked('put', () => store.put(...args)),
    open: (...args) => asked('open', () => store.open(...args)),
    head: (...args) => asked('head', () => store.head(...args)),
    purge: (...args) => asked('purge', () => store.purge(...args)),
    listObjects: () => store.listObjects(),
    listMultiparts: () => store.listMultiparts(),
    ping: () => asked('ping', () => store.ping()),
  };
}
