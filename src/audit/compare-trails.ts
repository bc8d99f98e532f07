import type { EpochStatement } from './checkpoint.ts';
import { leafOf, type PresentedRow } from './present.ts';
import { type ExportReport, type VerifyOptions, verifyExport } from './verify-export.ts';

/** What an earlier export proves and a later one of the same installation does not hold any more. */
export interface TrailComparison {
  /** The last batch that both hold; undefined where they have none in common. */
  lastCommonBatch: number | undefined;
  lostBatches: number;
  /** Rows that were sealed, and are in no batch of the later export. */
  lostRows: PresentedRow[];
  /** The epoch that says why; undefined where nothing is lost, or nothing says why. */
  explainedBy: EpochStatement | undefined;
  problems: string[];
}

/** Reads an export from its beginning; called more than once. */
export type ReadLines = () => AsyncIterable<string>;

/**
 * Holds a later export against an earlier one. After a restore the later trail lacks what was sealed since the point that was restored
 * to: a signed epoch, behind the last common batch, says so. Without one, history was rewritten.
 */
export async function compareTrails(
  earlier: ReadLines,
  later: ReadLines,
  { keys }: Pick<VerifyOptions, 'keys'>,
): Promise<{ comparison: TrailComparison; report: ExportReport }> {
  const hashes = new Map<number, string>();
  const report = await verifyExport(later(), {
    keys,
    onBatch: ({ checkpoint, hash }) => hashes.set(checkpoint.batch, hash),
  });
  const forked: PresentedRow[] = [];
  let lastCommonBatch: number | undefined;
  let lostBatches = 0;
  const before = await verifyExport(earlier(), {
    keys,
    onBatch({ checkpoint: { batch }, hash, rows }) {
      if (hashes.get(batch) === hash) {
        lastCommonBatch = batch;
        return;
      }
      // Retention, or a later --from-batch, may have taken what came before; that is no fork.
      if (report.firstBatch !== undefined && batch < report.firstBatch) return;
      lostBatches += 1;
      forked.push(...rows);
    },
  });
  const lostRows = forked.length === 0 ? [] : await withoutThoseOf(later, forked, lastCommonBatch ?? 0);
  const explainedBy =
    lostBatches === 0
      ? undefined
      : report.epochs.find(({ epoch, afterBatch }) => epoch > 1 && afterBatch === (lastCommonBatch ?? 0));
  const problems = before.problems.map((problem) => `the earlier export: ${problem}`);
  if (before.installation !== report.installation) problems.push('the two exports are of two installations');
  if (lostBatches > 0 && explainedBy === undefined) {
    problems.push(
      `behind batch ${lastCommonBatch ?? 0} this is another trail: ${lostBatches} sealed batches are missing, and no epoch says why`,
    );
  }
  return { comparison: { lastCommonBatch, lostBatches, lostRows, explainedBy, problems }, report };
}

/** What was committed before the point, and sealed after it, has been sealed again. */
async function withoutThoseOf(
  later: ReadLines,
  rows: readonly PresentedRow[],
  afterBatch: number,
): Promise<PresentedRow[]> {
  const nameOf = (row: PresentedRow) => leafOf(row).toString('hex');
  const left = new Map(rows.map((row) => [nameOf(row), row]));
  await verifyExport(later(), {
    onBatch({ checkpoint, rows: sealed }) {
      if (checkpoint.batch > afterBatch) for (const row of sealed) left.delete(nameOf(row));
    },
  });
  return [...left.values()];
}
