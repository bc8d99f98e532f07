import { invalidArgument } from './errors.ts';

const DIGEST_PATTERN = /^[0-9a-f]{64}$/;
const ALGORITHM_PREFIX = 'sha256:';

/** The canonical form of a digest: 64 lowercase hex characters. Takes `sha256:<hex>` and surrounding space too. */
export function parseDigest(input: string): string {
  const trimmed = input.trim().toLowerCase();
  const hex = trimmed.startsWith(ALGORITHM_PREFIX) ? trimmed.slice(ALGORITHM_PREFIX.length) : trimmed;
  if (!DIGEST_PATTERN.test(hex)) {
    throw invalidArgument(`"${input}" is not a digest: give the 64 hexadecimal characters of a SHA-256.`);
  }
  return hex;
}

/** Lowercase hex of bytes. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
