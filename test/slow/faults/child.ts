import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import type { Settings } from '../../../src/kernel/settings.ts';
import type { CallSite, Fault } from './fault-points.ts';
import type { Order, Report } from './messages.ts';

const PROGRAM = fileURLToPath(new URL('./fault-server.ts', import.meta.url));

/** The product in a process of its own. */
export interface Child {
  url: string;
  /** Has a call go wrong, once, counting from now on; without a fault, only counts. */
  watch(fault?: Fault): Promise<void>;
  calls(): Promise<CallSite[]>;
  /** One round of its worker, as it would be after this time. @returns why it failed; undefined where it did not. Rejects where the process dies. */
  runWorker(task: 'jobs' | 'all', aheadSeconds: number): Promise<string | undefined>;
  /** Resolves at the next fault that it outlives. */
  hit(): Promise<void>;
  isAlive(): boolean;
  /** Resolves once it is gone. */
  exited: Promise<void>;
  kill(): Promise<void>;
}

/** @param compileCache a folder in which the compiled sources are kept for the next one. */
export async function startChild(settings: Settings, compileCache: string): Promise<Child> {
  const program = fork(PROGRAM, {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      ...process.env,
      NODE_COMPILE_CACHE: compileCache,
      NODE_OPTIONS: '',
      TEST_LOG_FOLDER: inject('suiteLogFolder'),
    },
  });
  const exited = once(program, 'exit').then(() => undefined);
  const gone = exited.then((): never => {
    throw new Error('the server died');
  });
  gone.catch(() => undefined);

  /** Waits for a report of this kind, or for the end of the process. */
  const report = async <Kind extends Report['kind']>(kind: Kind): Promise<Extract<Report, { kind: Kind }>> => {
    const { promise, resolve } = Promise.withResolvers<Extract<Report, { kind: Kind }>>();
    const listen = (message: Report): void => {
      if (isOfKind(message, kind)) resolve(message);
    };
    program.on('message', listen);
    try {
      return await Promise.race([promise, gone]);
    } finally {
      program.off('message', listen);
    }
  };
  const order = async <Kind extends Report['kind']>(message: Order, answer: Kind) => {
    const answered = report(answer);
    // Where it is dead already, the answer says so.
    program.send(message, () => {});
    return await answered;
  };

  const { url } = await order({ kind: 'start', settings }, 'started');
  return {
    url,
    watch: async (fault) => void (await order({ kind: 'watch', fault }, 'watching')),
    calls: async () => (await order({ kind: 'calls' }, 'calls')).calls,
    runWorker: async (task, aheadSeconds) => (await order({ kind: 'worker', task, aheadSeconds }, 'round')).failure,
    hit: async () => void (await report('hit')),
    isAlive: () => program.exitCode === null && program.signalCode === null,
    exited,
    async kill() {
      program.kill('SIGKILL');
      await exited;
    },
  };
}

function isOfKind<Kind extends Report['kind']>(
  message: Report,
  kind: Kind,
): message is Extract<Report, { kind: Kind }> {
  return message.kind === kind;
}
