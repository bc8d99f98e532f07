import { backUp } from '../operator/backup.ts';
import { type RestoreOptions, restore } from '../operator/restore.ts';
import { withSettings } from '../operator/with-installation.ts';
import { formatBytes } from './format.ts';

const PROGRESS_EVERY_MS = 1000;

/** `artifortress backup`. @returns the exit code. */
export async function runBackup(target: string, { json, quiet }: { json: boolean; quiet: boolean }): Promise<number> {
  return await withSettings(async (settings, log) => {
    let printedAt = performance.now();
    const { folder, manifest } = await backUp(settings, log, target, ({ files, bytes }) => {
      if (json || quiet || performance.now() - printedAt < PROGRESS_EVERY_MS) return;
      printedAt = performance.now();
      process.stderr.write(`${files} files, ${formatBytes(bytes)} …\n`);
    });
    const { files, folders: _folders, ...rest } = manifest;
    const bytes = files.reduce((total, file) => total + file.bytes, 0);
    const result = { folder, ...rest, files: files.length, bytes };
    process.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : describeBackup(result));
    return 0;
  });
}

function describeBackup(result: {
  folder: string;
  files: number;
  bytes: number;
  finishedAtUtc: string;
  objects: 'included' | 'elsewhere';
}): string {
  const { folder, files, bytes, finishedAtUtc, objects } = result;
  return `${[
    `Backed up ${files} files (${formatBytes(bytes)}) to ${folder}.`,
    objects === 'included'
      ? 'The database, the keys and the bytes are in it.'
      : 'The database and the keys are in it; the bytes are in their bucket.',
    `It can be restored to ${finishedAtUtc}, and with the archived log to any later moment.`,
  ].join('\n')}\n`;
}

/** `artifortress restore`. @returns the exit code. */
export async function runRestore(options: RestoreOptions, { json }: { json: boolean }): Promise<number> {
  return await withSettings(async (settings, log) => {
    const { manifest, filesAdded, lastTransactionAt, timeline } = await restore(settings, log, options);
    const result = {
      dataFolder: settings.dataDirectory,
      backupOfUtc: manifest.finishedAtUtc,
      lastTransactionAtUtc: lastTransactionAt?.toISOString() ?? null,
      timeline,
      filesAdded,
    };
    process.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : describeRestore(result));
    return 0;
  });
}

function describeRestore(result: {
  dataFolder: string;
  lastTransactionAtUtc: string | null;
  timeline: number;
  filesAdded: number;
}): string {
  const { dataFolder, lastTransactionAtUtc, timeline, filesAdded } = result;
  return `${[
    `Restored the database in ${dataFolder}; it goes on as timeline ${timeline}.`,
    lastTransactionAtUtc === null
      ? 'The log held no transaction beyond the backup.'
      : `The last transaction in it is of ${lastTransactionAtUtc}.`,
    `${filesAdded} objects and keys that were missing came from the backup.`,
    'Next: "artifortress fsck --read-data", then start the server, then "artifortress audit verify" with --earlier.',
  ].join('\n')}\n`;
}
