import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { compareTrails, type TrailComparison } from '../audit/compare-trails.ts';
import { proofIn, type RowProof, rowProofSchema, verifyRowProof } from '../audit/row-proof.ts';
import { type ExportReport, type Keys, type VerifiedBatch, verifyExport } from '../audit/verify-export.ts';

/** The lines of an export; `-` is standard input. */
function linesOf(file: string): AsyncIterable<string> {
  const input = file === '-' ? process.stdin : createReadStream(file);
  return createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
}

export type { ExportReport as AuditExportReport, TrailComparison };

export async function verifyAuditFile(
  file: string,
  options: { keys?: Keys | undefined; expectedCheckpoint?: string | undefined },
): Promise<ExportReport> {
  return await verifyExport(linesOf(file), options);
}

/** Checks an export, and holds it against one of an earlier time. Neither can be standard input: the files are read twice. */
export async function compareAuditFiles(
  earlier: string,
  later: string,
  options: { keys?: Keys | undefined },
): Promise<{ comparison: TrailComparison; report: ExportReport }> {
  return await compareTrails(
    () => linesOf(earlier),
    () => linesOf(later),
    options,
  );
}

/** The proof of a row, from an export, without a server. @returns undefined where no sealed batch of it holds the row. */
export async function proveFromExport(
  file: string,
  auditId: string,
  keys: Keys | undefined,
): Promise<{ proof: RowProof | undefined; report: ExportReport }> {
  let proof: RowProof | undefined;
  const onBatch = (batch: VerifiedBatch): void => {
    proof ??= proofIn(batch, auditId);
  };
  const report = await verifyExport(linesOf(file), { keys, onBatch });
  return { proof, report };
}

/** Why a proof, as a server gave it, does not hold; undefined where it does. */
export function checkRowProof(proof: unknown, keys: Keys): string | undefined {
  const verdict = verifyRowProof(rowProofSchema.parse(proof), keys);
  return typeof verdict === 'string' ? verdict : undefined;
}
