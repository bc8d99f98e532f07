import type { AuditProof } from '../client/types.ts';
import { readKeyFile } from '../operator/trusted-keys.ts';
import {
  type AuditExportReport,
  checkRowProof,
  compareAuditFiles,
  proveFromExport,
  type TrailComparison,
  verifyAuditFile,
} from '../operator/verify-audit.ts';
import { outputOf } from './command.ts';
import { connect } from './connection.ts';
import type { CliContext } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { UsageError } from './failures.ts';
import { pairs } from './output.ts';
import { trustedKeys } from './run-verify.ts';

/** `artifortress audit verify`. @returns the exit code. */
export async function runVerifyAudit(
  context: CliContext,
  file: string,
  options: { keys?: string; expect?: string; earlier?: string; json?: boolean },
): Promise<number> {
  const output = outputOf(context, options);
  const keys = options.keys === undefined ? undefined : await readKeyFile(options.keys);
  const { report, comparison } = await check(file, keys, options);
  if (keys === undefined && report.problems.length === 0) {
    output.note('The keys are those in the export: give --keys with the ones that you trust to prove who sealed it.');
  }
  const compared = comparison === undefined ? {} : { comparison };
  output.result({ ...report, ...compared }, [...describe(report), ...describeComparison(comparison)]);
  return report.problems.length === 0 ? EXIT.ok : EXIT.failure;
}

async function check(
  file: string,
  keys: Awaited<ReturnType<typeof readKeyFile>> | undefined,
  { expect, earlier }: { expect?: string; earlier?: string },
): Promise<{ report: AuditExportReport; comparison?: TrailComparison }> {
  if (earlier === undefined) return { report: await verifyAuditFile(file, { keys, expectedCheckpoint: expect }) };
  if (expect !== undefined || file === '-' || earlier === '-') {
    throw new UsageError('--earlier takes two files, and no --expect: the earlier export holds its last checkpoint.');
  }
  const { report, comparison } = await compareAuditFiles(earlier, file, { keys });
  return { report: { ...report, problems: [...report.problems, ...comparison.problems] }, comparison };
}

const LISTED_ROWS = 20;

function describeComparison(comparison: TrailComparison | undefined): string[] {
  if (comparison === undefined || comparison.problems.length > 0) return [];
  const { lostRows, explainedBy } = comparison;
  if (explainedBy === undefined) return ['It holds all of the earlier export.'];
  if (lostRows.length === 0) return ['Every row of the earlier export is in it; some were sealed again.'];
  const listed = lostRows.slice(0, LISTED_ROWS);
  return [
    `${lostRows.length} rows of the earlier export are not in it: the database was restored to before them. That export proves them:`,
    ...listed.map(
      ({ occurredAtUtc, actor, action, resourceType, resourceId }) =>
        `  ${occurredAtUtc}  ${actor}  ${action}  ${resourceType} ${resourceId}`,
    ),
    ...(lostRows.length > listed.length ? [`  and ${lostRows.length - listed.length} more (--json lists all)`] : []),
  ];
}

function describe(report: AuditExportReport): string[] {
  const { problems, batches, rows, removedBatches, firstBatch, lastBatch, lastCheckpoint, sealedAtUtc } = report;
  if (problems.length > 0) {
    const found = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    return [`This is not the trail that was sealed: ${found}.`, ...problems.map((problem) => `  ${problem}`)];
  }
  if (lastBatch === undefined) return ['Nothing was sealed yet.'];
  const removed = removedBatches === 0 ? [] : [`The rows of ${removedBatches} batches were removed by retention.`];
  const from =
    firstBatch === 1 ? 'from the first row on' : `from batch ${firstBatch} on; what came before is not in this file`;
  return [
    `${rows} rows in ${batches} batches are exactly those that were sealed, ${from}.`,
    ...removed,
    ...report.epochs.filter(({ epoch }) => epoch > 1).map(describeEpoch),
    ...pairs([
      ['Sealed up to', `${sealedAtUtc}, batch ${lastBatch}`],
      ['Checkpoint', `${lastCheckpoint}   (keep it: the next export must hold it, --expect)`],
    ]),
  ];
}

function describeEpoch({
  epoch,
  afterBatch,
  openedAtUtc,
  reason,
  note,
  database,
}: AuditExportReport['epochs'][number]): string {
  const why =
    reason === 'declared'
      ? `declared: ${note ?? ''}`
      : `the database went on as timeline ${database?.timeline} of ${database?.systemIdentifier}, as after a restore or a failover`;
  return `Epoch ${epoch} was opened at ${openedAtUtc} behind batch ${afterBatch}; ${why}. What else had been sealed before is not in this trail (--earlier).`;
}

interface ProveOptions {
  url?: string;
  json?: boolean;
  quiet?: boolean;
  export?: string;
  keys?: string;
}

/** `artifortress audit prove`. @returns the exit code. */
export async function runProveAudit(context: CliContext, auditId: string, options: ProveOptions): Promise<number> {
  const output = outputOf(context, options);
  const { proof, problems } =
    options.export === undefined
      ? await askServer(context, auditId, options)
      : await readExport(options.export, auditId, options.keys);
  if (proof === undefined || problems.length > 0) {
    const problem = problems[0] ?? `no sealed batch of this export holds a row ${auditId}`;
    output.warn(`The row ${auditId} is not proved: ${problem}.`);
    return proof === undefined && problems.length === 0 ? EXIT.notFound : EXIT.failure;
  }
  const { row, index, path, checkpoint } = proof;
  const { batch, rows, rootHash, sealedAtUtc } = JSON.parse(Buffer.from(checkpoint.payload, 'base64').toString('utf8'));
  output.result(
    proof,
    pairs([
      [
        'Row',
        `${row.auditId}: ${row.action} by ${row.actor} at ${row.occurredAtUtc}, ${row.resourceType} ${row.resourceId}`,
      ],
      ['Sealed', `${sealedAtUtc} as row ${index + 1} of ${rows} of batch ${batch}`],
      ['Root', rootHash],
      ...path.map((hash, level): [string, string] => [level === 0 ? 'Path' : '', hash]),
      ['Signed by', checkpoint.signatures.map(({ keyid }) => keyid).join(', ')],
    ]),
  );
  return EXIT.ok;
}

interface Proved {
  proof: AuditProof | undefined;
  problems: readonly string[];
}

async function askServer(context: CliContext, auditId: string, options: ProveOptions): Promise<Proved> {
  const client = await connect(context, options);
  const proof = await client.audit.proof(auditId, { signal: context.signal });
  const problem = checkRowProof(proof, await trustedKeys(context, options));
  return { proof, problems: problem === undefined ? [] : [problem] };
}

async function readExport(file: string, auditId: string, keysFile: string | undefined): Promise<Proved> {
  const keys = keysFile === undefined ? undefined : await readKeyFile(keysFile);
  const { proof, report } = await proveFromExport(file, auditId, keys);
  return { proof, problems: report.problems };
}
