import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describeMachine } from '../../../scripts/bench/machine.ts';
import { FAULT_MODES, type Fault } from './fault-points.ts';
import { DRIVERS, type Driver } from './world.ts';

const REPORT = new URL('../../../docs/reports/faults.md', import.meta.url);
const COMMAND = 'ARTIFORTRESS_FAULTS=all ARTIFORTRESS_WRITE_REPORTS=1 npm run test:slow -- test/slow/faults';

/** How one case ended; `outcome` says what its client saw. */
export interface Result {
  driver: Driver;
  step: string;
  fault: Fault;
  outcome: string;
}

const LEGEND = `Each row is one call to the database or to the store, made to go wrong once. A call is named by the function of the product that
makes it; \`begin\` and \`commit\` are those of its transaction; \`#2\` is the second of that name in the step. The modes:

- killed before: the server is killed (SIGKILL) in place of the call
- reply lost, killed: the call has its effect, and the server is killed before it learns of it
- reply lost: the call has its effect, and the server sees a lost connection
- error: the call has no effect, and the server sees a lost connection, or a store that is away
- hang: the call never comes back; other clients must be served meanwhile; then the server is killed

A server that was killed is started again. Then the client asks again until it is answered for good: a cell shows what it got, from the
first answer to the last; of the worker, whether its round was done. After that, and once more after everything has expired and the
worker has run, these must hold, or the suite fails: what was acknowledged is read byte by byte; no session is live; sessions, blobs,
references, jobs and the audit trail agree, with one outcome a session and one row a change; \`artifortress fsck\`, reading every byte, finds
nothing; and when the artifact is deleted, database and store are as empty as before.`;

/** Writes docs/reports/faults.md, the rows in the order of the lifecycle. */
export async function writeReport(results: readonly Result[]): Promise<void> {
  const steps = Map.groupBy(results, ({ step }) => step);
  const sections = [...steps].flatMap(([step, ofStep]) => [`### ${step}`, '', ...tableOf(ofStep), '']);
  const lines = ['# Faults', '', `Written by \`${COMMAND}\`.`, '', ...head(results), '', LEGEND, '', ...sections];
  await writeFile(REPORT, lines.join('\n'));
}

function head(results: readonly Result[]): string[] {
  const { startedAtUtc, commit, cpu, cores, memoryGib, kernel, fileSystem, node, postgresql } = describeMachine(
    tmpdir(),
  );
  const cases = DRIVERS.map((driver) => `${results.filter((result) => result.driver === driver).length} on ${driver}`);
  return [
    `- ${startedAtUtc}, commit ${commit}`,
    `- ${cpu}, ${cores} cores, ${memoryGib} GiB, Linux ${kernel}, ${fileSystem}`,
    `- Node ${node}, PostgreSQL ${postgresql}`,
    `- cases: ${cases.join(', ')}`,
  ];
}

function tableOf(results: readonly Result[]): string[] {
  const rows = [...Map.groupBy(results, ({ fault }) => nameOf(fault))].flatMap(([call, ofCall]) =>
    FAULT_MODES.map((mode) => {
      const cells = DRIVERS.map(
        (driver) => ofCall.find((result) => result.driver === driver && result.fault.mode === mode)?.outcome ?? '–',
      );
      return [call, MODE_WORDS[mode], ...cells];
    }),
  );
  const columns = ['call', 'mode', ...DRIVERS];
  return [columns, columns.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);
}

const MODE_WORDS: Readonly<Record<Fault['mode'], string>> = {
  killed_before: 'killed before',
  reply_lost: 'reply lost, killed',
  reply_lost_survives: 'reply lost',
  error: 'error',
  hang: 'hang',
};

function nameOf({ call, occurrence }: Fault): string {
  return occurrence === 1 ? call : `${call}#${occurrence}`;
}
