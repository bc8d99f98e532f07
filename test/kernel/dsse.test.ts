import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { openEnvelope, signEnvelope } from '../../src/kernel/dsse.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const key = { keyId: 'k1', privateKey };
const keys = new Map([['k1', publicKey]]);

describe('a signed envelope (DSSE)', () => {
  test('says what was signed, to who has the key', () => {
    const envelope = signEnvelope(key, 'text/x', 'héllo');
    expect(openEnvelope(envelope, 'text/x', keys)).toEqual({
      kind: 'signed',
      payload: Buffer.from('héllo'),
      keyId: 'k1',
    });
  });

  test('is signed over the encoding of the specification, with lengths in bytes', () => {
    const envelope = signEnvelope(key, 'http://example.com/HelloWorld', 'hello world');
    const encoded = Buffer.from('DSSEv1 29 http://example.com/HelloWorld 11 hello world');
    const signature = Buffer.from(envelope.signatures[0]?.sig ?? '', 'base64');
    expect(verify(null, encoded, createPublicKey(privateKey), signature)).toBe(true);
  });

  test('is refused with another payload, type, key or signature', () => {
    const envelope = signEnvelope(key, 'text/x', 'hello');
    const refused = (change: Partial<typeof envelope>, type = 'text/x', known = keys) => {
      const opened = openEnvelope({ ...envelope, ...change }, type, known);
      return opened.kind === 'refused' ? opened.reason : opened.kind;
    };
    expect(refused({ payload: Buffer.from('hallo').toString('base64') })).toBe('wrong_signature');
    expect(refused({}, 'text/y')).toBe('other_type');
    expect(refused({ payloadType: 'text/y' }, 'text/y')).toBe('wrong_signature');
    expect(refused({}, 'text/x', new Map())).toBe('unknown_key');
    expect(refused({ signatures: [] })).toBe('unknown_key');
    expect(refused({}, 'text/x', new Map([['k1', generateKeyPairSync('ed25519').publicKey]]))).toBe('wrong_signature');
  });
});
