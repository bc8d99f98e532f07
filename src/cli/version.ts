import { readFileSync } from 'node:fs';
import { isRecord } from '../client/parse.ts';

/** The version of this package; its manifest is two folders up, from `src/cli` and from `dist/cli` alike. */
export function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return isRecord(manifest) && typeof manifest.version === 'string' ? manifest.version : 'unknown';
}
