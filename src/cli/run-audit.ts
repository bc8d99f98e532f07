import type { AuditProof } from '../client/types.ts';
import { readKeyFile } from '../operator/trusted-keys.ts';
import { type AuditExportReport, checkRowProof, proveFromExport, verifyAuditFile } from '../operator/verify-audit.ts';
import { outputOf } from './command.ts';
import { connect } from './connection.ts';
import type { CliContext } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { pairs } from './output.ts';
import { trustedKeys } from './run-verify.ts';

/** `artifortress audit verify`. @returns the exit code. */
export async function runVerifyAudit(
  context: CliContext,
  file: string,
  options: { keys?: string; expect?: string; json?: boolean },
): Promise<number> {
  const output = outputOf(context, options);
  const keys = options.keys === undefined ? undefined : await readKeyFile(options.keys);
  const report = await verifyAuditFile(file, { keys, expectedCheckpoint: options.expect });
  if (keys === undefined && report.problems.length === 0) {
    output.note('The keys are those in the export: give --keys with the ones that you trust to prove who sealed it.');
  }
  output.result(report, describe(report));
  return report.problems.length === 0 ? EXIT.ok : EXIT.failure;
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
    ...pairs([
      ['Sealed up to', `${sealedAtUtc}, batch ${lastBatch}`],
      ['Checkpoint', `${lastCheckpoint}   (keep it: the next export must hold it, --expect)`],
    ]),
  ];
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
