import { createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { type Keys, keysOf } from '../audit/verify-export.ts';
import { messageOf } from '../kernel/errors.ts';

const publishedSchema = z.object({ items: z.array(z.object({ jwk: z.object({ x: z.string() }) })).min(1) });

/** What was given to verify, or to verify with, is not what it has to be. */
export class BadEvidence extends Error {
  override readonly name = 'BadEvidence';
}

/**
 * The public keys of a file: the answer of GET /v1/keys, or PEM.
 * @throws BadEvidence for a file that holds none.
 */
export async function readKeyFile(path: string): Promise<Keys> {
  const text = await readFile(path, 'utf8');
  try {
    const keys = text.trimStart().startsWith('{') ? fromJson(text) : [...fromPem(text)];
    if (keys.length === 0) throw new Error('it is neither');
    return keysOf(keys);
  } catch (error) {
    throw new BadEvidence(
      `${path} holds no Ed25519 public key: give the output of "artifortress keys --json", or PEM (${messageOf(error).split('\n', 1)[0]}).`,
    );
  }
}

export function keysOfJwks(jwks: readonly { x: string }[]): Keys {
  return keysOf(jwks.map(({ x }) => Buffer.from(x, 'base64url')));
}

function fromJson(text: string): Buffer[] {
  return publishedSchema.parse(JSON.parse(text)).items.map(({ jwk }) => Buffer.from(jwk.x, 'base64url'));
}

function* fromPem(text: string): Generator<Buffer> {
  for (const [block] of text.matchAll(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g)) {
    const { x = '' } = createPublicKey(block).export({ format: 'jwk' });
    yield Buffer.from(x, 'base64url');
  }
}
