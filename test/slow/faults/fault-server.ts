import { flushCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import { runDueJobs } from '../../../src/jobs/run-due-jobs.ts';
import { messageOf } from '../../../src/kernel/errors.ts';
import { type RunningServer, startServer } from '../../../src/main.ts';
import { resumeVerifications } from '../../../src/uploads/resume-verifications.ts';
import { sweepOverdueSessions } from '../../../src/uploads/sweep-overdue.ts';
import { loggerTo } from '../../support/suite-log.ts';
import { createFaultPoints, databaseWithFaults, storeWithFaults } from './fault-points.ts';
import type { Order, OrderToStart, Report } from './messages.ts';

// The product in a process of its own, to be killed: started by `child.ts` with a channel for its orders. It dies with whoever started it.
process.on('disconnect', () => process.exit(0));

const tell = (report: Report): void => void process.send?.(report);
const points = createFaultPoints(() => tell({ kind: 'hit' }));

let aheadSeconds = 0;
const clock = {
  now: () => new Date(Date.now() + aheadSeconds * 1000),
  monotonicMs: () => performance.now() + aheadSeconds * 1000,
};
let running: RunningServer | undefined;

async function start({ settings }: OrderToStart): Promise<Report> {
  running = await startServer({
    settings,
    log: loggerTo(process.env.TEST_LOG_FOLDER ?? tmpdir()),
    clock,
    seams: {
      database: (database) => databaseWithFaults(database, points),
      objects: (store) => storeWithFaults(store, points),
    },
  });
  // Nobody who gets killed does it at the end.
  flushCompileCache();
  return { kind: 'started', url: running.url };
}

/** What a round of the worker does for uploads and blobs. */
async function runWorker(task: 'jobs' | 'all'): Promise<Report> {
  try {
    if (running === undefined) throw new Error('it has not started');
    if (task === 'all') {
      await resumeVerifications(running.services);
      await sweepOverdueSessions(running.services);
    }
    await runDueJobs(running.services);
    return { kind: 'round', failure: undefined };
  } catch (error) {
    return { kind: 'round', failure: messageOf(error) };
  }
}

async function follow(order: Order): Promise<Report> {
  switch (order.kind) {
    case 'start':
      return await start(order);
    case 'watch':
      points.watch(order.fault);
      return { kind: 'watching' };
    case 'calls':
      return { kind: 'calls', calls: points.calls() };
    case 'worker':
      ({ aheadSeconds } = order);
      return await runWorker(order.task).finally(() => {
        aheadSeconds = 0;
      });
  }
}

process.on('message', (order: Order) => {
  follow(order).then(tell, (error: unknown) => {
    process.stderr.write(`fault-server: ${messageOf(error)}\n`);
    process.exit(1);
  });
});
