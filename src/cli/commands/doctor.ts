import type { Command } from 'commander';
import { type CommonOptions, clientCommand, outputOf } from '../command.ts';
import { clientFor, resolveAddress } from '../connection.ts';
import type { CliContext } from '../context.ts';
import type { Finding, Patient } from '../doctor-checks.ts';
import { EXIT } from '../exit-codes.ts';
import { explain } from '../explain.ts';
import { paint } from '../paint.ts';
import { readVersion } from '../version.ts';

interface DoctorOptions extends CommonOptions {
  readonly repo?: string;
}

const MORE_HELP = `
It checks the address (DNS and TCP), the server and its version, the clock, the token, what the server depends on, and with --repo
that a part can be sent from this machine to where the server's signed URLs point: with S3 that is another host. For that a
session is opened and aborted; nothing is stored, and the audit trail shows it.

Exits with 1 where something failed, with 0 where there are only warnings.`;

/** `artifortress doctor`. */
export function doctorCommand(context: CliContext): Command {
  return clientCommand('doctor', 'Find out what is wrong between this machine and the server, and what to do.', [
    'artifortress doctor',
    'artifortress doctor --repo libs    # also sends a part, which needs write',
  ])
    .option('-r, --repo <repository>', 'try an upload there, and drop it')
    .addHelpText('after', MORE_HELP)
    .action((options: DoctorOptions) => runDoctor(context, options));
}

async function runDoctor(context: CliContext, options: DoctorOptions): Promise<void> {
  const { environment, signal } = context;
  const { url, token } = await resolveAddress(environment, options);
  const client = clientFor(url, token ?? undefined);
  const patient: Patient = { url, token, client, ownVersion: readVersion(), nowMs: environment.nowMs, signal };
  const output = outputOf(context, options);
  const findings = await examine(patient, options.repo);
  const failures = findings.filter(({ status }) => status === 'failed');
  output.result(
    { url, healthy: failures.length === 0, findings },
    findings.flatMap((one) => describe(context, one)),
  );
  if (failures.length > 0) context.exitCode = EXIT.failure;
}

/** In the order in which one needs the other: behind a dead network nothing else is asked. */
async function examine(patient: Patient, repoKey: string | undefined): Promise<Finding[]> {
  const checks = await import('../doctor-checks.ts');
  const findings = [await checks.checkNetwork(patient)];
  if (findings[0]?.status !== 'ok') return findings;
  findings.push(await checks.checkServer(patient));
  if (findings[1]?.status === 'failed') return findings;
  for (const check of [checks.checkClock, checks.checkReadiness, checks.checkToken]) {
    findings.push(await attempt(patient, check));
  }
  if (repoKey === undefined) {
    const detail = 'add --repo <repository> to send a part from this machine';
    return [...findings, { check: 'upload', status: 'skipped', detail, advice: null }];
  }
  return [...findings, await checks.checkUpload(patient, repoKey)];
}

async function attempt(patient: Patient, check: (patient: Patient) => Promise<Finding>): Promise<Finding> {
  try {
    return await check(patient);
  } catch (error) {
    patient.signal.throwIfAborted();
    return { check: 'answer', status: 'failed', detail: explain(error), advice: 'Run it again in a moment.' };
  }
}

const MARKS = {
  ok: ['ok', 'green'],
  warning: ['!!', 'yellow'],
  failed: ['NO', 'red'],
  skipped: ['--', 'dim'],
} as const;

function describe({ environment }: CliContext, { check, status, detail, advice }: Finding): string[] {
  const [mark, style] = MARKS[status];
  const line = `${paint(environment, environment.stdout, style, mark)}  ${check.padEnd(10)}  ${detail}`;
  return advice === null ? [line] : [line, `    ${' '.repeat(10)}  → ${advice}`];
}
