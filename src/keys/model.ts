import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { canonicalJson } from '../kernel/canonical-json.ts';
import type { Envelope } from '../kernel/dsse.ts';

/** The public half of an Ed25519 key, as raw bytes (RFC 8032). */
export interface PublicKey {
  keyId: string;
  publicKey: Buffer;
  createdAt: Date;
}

/** Signs in the installation's name. */
export interface Signer {
  installationId: string;
  keyId: string;
  sign(payloadType: string, payload: string): Envelope;
}

/** The thumbprint that names a key (RFC 7638 §3, RFC 8037 §2). */
export function keyIdOf(publicKey: Buffer): string {
  return createHash('sha256')
    .update(canonicalJson(jwkOf(publicKey)))
    .digest('base64url');
}

/** As a JSON Web Key (RFC 8037 §2). */
export function jwkOf(publicKey: Buffer): { kty: 'OKP'; crv: 'Ed25519'; x: string } {
  return { kty: 'OKP', crv: 'Ed25519', x: publicKey.toString('base64url') };
}

/** @throws where these are not the 32 bytes of an Ed25519 key. */
export function keyObjectOf(publicKey: Buffer): KeyObject {
  return createPublicKey({ key: jwkOf(publicKey), format: 'jwk' });
}
