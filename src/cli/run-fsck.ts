import { fsck } from '../operator/fsck.ts';
import type { FsckReport, Problem } from '../operator/fsck-report.ts';
import { withInstallation } from '../operator/with-installation.ts';
import { formatBytes } from './format.ts';

export interface FsckCommandOptions {
  repair: boolean;
  /** Percent of the blobs that are read whole. */
  readPercent: number;
  graceHours: number;
  json: boolean;
  quiet: boolean;
}

const MEANINGS: Readonly<Record<Problem, string>> = {
  object_missing: 'the bytes of a blob are not in the store',
  object_corrupt: 'the bytes of a blob are not those of its digest',
  damaged_but_sound: 'a blob is marked as damaged, and is not',
  still_damaged: 'a blob is known to be damaged',
  deletion_forgotten: 'a condemned blob would never be removed',
  unreferenced_blob: 'a blob is held by no repository, and not condemned',
  orphan_object: 'an object belongs to nothing',
  orphan_multipart: 'an unfinished upload in the store belongs to nothing',
  foreign_key: 'something in the store is not ours',
};

const PROGRESS_EVERY_MS = 1000;

/** `artifortress fsck`. @returns the exit code: 0 where nothing is wrong any more, 1 where something is. */
export async function runFsck(options: FsckCommandOptions): Promise<number> {
  return await withInstallation('fsck', async ({ services, readBack }) => {
    let printedAt = performance.now();
    const onProgress = (report: FsckReport): void => {
      if (options.quiet || options.json || performance.now() - printedAt < PROGRESS_EVERY_MS) return;
      printedAt = performance.now();
      process.stderr.write(
        `${report.blobs} blobs, ${report.objects} objects, ${formatBytes(report.bytesRead)} read, ${report.findings.length} findings …\n`,
      );
    };
    const { repair, readPercent, graceHours, json } = options;
    const report = await fsck(
      services,
      readBack,
      { repair, readShare: readPercent / 100, graceMs: graceHours * 3_600_000 },
      onProgress,
    );
    process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : describe(report, options));
    return report.findings.some(({ repaired }) => !repaired) ? 1 : 0;
  });
}

function describe(report: FsckReport, { repair }: FsckCommandOptions): string {
  const { findings } = report;
  const repaired = findings.filter((finding) => finding.repaired).length;
  const lines = findings.map(
    ({ problem, subject, detail, repaired: done }) =>
      `  ${done ? 'repaired' : 'found   '}  ${problem}  ${subject}\n            ${MEANINGS[problem]}: ${detail}`,
  );
  const summary =
    findings.length === 0
      ? 'Database and store agree.'
      : `${findings.length === 1 ? '1 finding' : `${findings.length} findings`}, ${repaired} repaired${!repair && findings.length > 0 ? '; --repair mends what can be mended' : ''}:`;
  const young =
    report.young === 0 ? [] : [`${report.young} strays are younger than the grace period and were left alone.`];
  return `${[
    `${report.blobs} blobs, ${report.objects} objects and ${report.multiparts} unfinished uploads looked at; ${report.blobsRead} blobs (${formatBytes(report.bytesRead)}) read.`,
    ...young,
    summary,
    ...lines,
  ].join('\n')}\n`;
}
