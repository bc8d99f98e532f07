import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StartupError } from '../kernel/errors.ts';
import { codeOf, syncFolder, writeOnce } from './filesystem/files.ts';

const KEY_BYTES = 32;
const HEX_KEY = /^[0-9a-f]{64}\n?$/;

/**
 * The key that signs part URLs: a file of mode 0600 beside the objects, made by whoever starts first and shared by all who share
 * the folder.
 * @throws StartupError for a file that holds no key.
 */
export async function loadSigningKey(path: string): Promise<Buffer> {
  const existing = await readIfThere(path);
  if (existing !== undefined) return existing;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeOnce(
    path,
    `${path}.${randomBytes(8).toString('hex')}`,
    `${randomBytes(KEY_BYTES).toString('hex')}\n`,
    0o600,
  );
  await syncFolder(dirname(path));
  const made = await readIfThere(path);
  if (made === undefined) throw new StartupError(`The signing key ${path} vanished while it was made: start again.`);
  return made;
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  if (!HEX_KEY.test(text)) {
    throw new StartupError(
      `The file ${path} holds no signing key (64 hex characters): restore it, or remove it to have a new one made.`,
    );
  }
  return Buffer.from(text.trim(), 'hex');
}
