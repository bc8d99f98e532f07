import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, StartupError } from '../kernel/errors.ts';

const FORMAT = 'artifortress.backup/1';
const NAME = 'manifest.json';

const fileSchema = z.object({
  path: z.string(),
  bytes: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/** What a backup holds; without it, a folder is none: it is written last. */
const manifestSchema = z.object({
  format: z.literal(FORMAT),
  version: z.string(),
  startedAtUtc: z.string(),
  /** The database can be restored to any point from here on, and to none before. */
  finishedAtUtc: z.string(),
  postgres: z.object({
    majorVersion: z.string(),
    systemIdentifier: z.string(),
    startLsn: z.string(),
    stopLsn: z.string(),
    firstSegment: z.string(),
    lastSegment: z.string(),
  }),
  /** Whether the bytes are in it: those of the folder store are, those in a bucket are not. */
  objects: z.enum(['included', 'elsewhere']),
  folders: z.array(z.string()),
  files: z.array(fileSchema),
});
export type BackupManifest = z.output<typeof manifestSchema>;

/** Writes the manifest as the last act of a backup. */
export async function writeManifest(folder: string, manifest: Omit<BackupManifest, 'format'>): Promise<void> {
  const temporary = join(folder, `${NAME}.new`);
  {
    await using file = await open(temporary, 'wx', 0o600);
    await file.writeFile(`${JSON.stringify({ format: FORMAT, ...manifest }, null, 1)}\n`);
    await file.sync();
  }
  await rename(temporary, join(folder, NAME));
  await using handle = await open(folder);
  await handle.sync();
}

/** @throws StartupError for a folder that is no finished backup. */
export async function readManifest(folder: string): Promise<BackupManifest> {
  try {
    return manifestSchema.parse(JSON.parse(await readFile(join(folder, NAME), 'utf8')));
  } catch (error) {
    throw new StartupError(
      `${folder} is no finished backup: its ${NAME} can't be read (${messageOf(error).split('\n', 1)[0]}). A backup that was cut short is none: take another one.`,
    );
  }
}
