import { type KeyObject, sign, verify } from 'node:crypto';
import { z } from 'zod';

/** A signed statement with its type (DSSE, https://github.com/secure-systems-lab/dsse). */
export const envelopeSchema = z.object({
  payloadType: z.string(),
  payload: z.string().describe('Base64.'),
  signatures: z.array(z.object({ keyid: z.string(), sig: z.string().describe('Base64.') })),
});
export type Envelope = z.output<typeof envelopeSchema>;

/** Signs with an Ed25519 key. */
export function signEnvelope(
  key: { keyId: string; privateKey: KeyObject },
  payloadType: string,
  payload: string,
): Envelope {
  const body = Buffer.from(payload, 'utf8');
  const signature = sign(null, preAuthenticationEncoding(payloadType, body), key.privateKey);
  return {
    payloadType,
    payload: body.toString('base64'),
    signatures: [{ keyid: key.keyId, sig: signature.toString('base64') }],
  };
}

export type Opened =
  | { kind: 'signed'; payload: Buffer; keyId: string }
  | { kind: 'refused'; reason: 'other_type' | 'unknown_key' | 'wrong_signature' };

/** What an envelope says, where one of the keys has signed it. Nothing of the payload may be used before this. */
export function openEnvelope(envelope: Envelope, payloadType: string, keys: ReadonlyMap<string, KeyObject>): Opened {
  if (envelope.payloadType !== payloadType) return { kind: 'refused', reason: 'other_type' };
  const payload = Buffer.from(envelope.payload, 'base64');
  const encoded = preAuthenticationEncoding(payloadType, payload);
  let reason: 'unknown_key' | 'wrong_signature' = 'unknown_key';
  for (const { keyid, sig } of envelope.signatures) {
    const key = keys.get(keyid);
    if (key === undefined) continue;
    if (verify(null, encoded, key, Buffer.from(sig, 'base64'))) return { kind: 'signed', payload, keyId: keyid };
    reason = 'wrong_signature';
  }
  return { kind: 'refused', reason };
}

function preAuthenticationEncoding(payloadType: string, payload: Buffer): Buffer {
  const header = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(header, 'utf8'), payload]);
}
