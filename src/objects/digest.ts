import { z } from 'zod';
import { type Branded, brand } from '../kernel/parse.ts';

/** SHA-256 in 64 lowercase hex characters. */
export type Digest = Branded<string, 'Digest'>;

const HEX_SHA256 = /^[0-9a-f]{64}$/;

/** The digest of no bytes at all. */
export const EMPTY_DIGEST = brand<Digest>('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');

/** Trimmed, lowercased, `sha256:` taken off before it is checked. */
export const digestSchema = z
  .string()
  .trim()
  .toLowerCase()
  .transform((text) => text.replace(/^sha256:/, ''))
  .refine(
    (text) => HEX_SHA256.test(text),
    'must be the 64 hex characters of a SHA-256, with or without "sha256:" before them',
  )
  .transform((text) => brand<Digest>(text));

/** The digest of a hash that has taken in all of its bytes. */
export function digestOf(hash: { digest(encoding: 'hex'): string }): Digest {
  return brand<Digest>(hash.digest('hex'));
}
