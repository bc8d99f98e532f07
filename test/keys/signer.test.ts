import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyIdOf } from '../../src/keys/model.ts';
import { establishSigner } from '../../src/keys/signer.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';

let server: TestServer;
let folder: string;

beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(tmpdir(), 'artifortress-keys-'));
});

afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

async function keyFile(name: string, kind: 'ed25519' | 'x25519'): Promise<string> {
  const path = join(folder, name);
  const { privateKey } = kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('x25519');
  await writeFile(path, privateKey.export({ format: 'pem', type: 'pkcs8' }));
  return path;
}

const publishedIds = async (): Promise<string[]> =>
  (await server.request('GET', '/v1/keys', { token: null })).json.items.map(({ keyId }: { keyId: string }) => keyId);

describe('the signing key', () => {
  test('is made once, by whichever start is first, and stays', async () => {
    const signers = await Promise.all(
      Array.from({ length: 4 }, () => establishSigner(server.running.services, undefined)),
    );
    expect(new Set(signers.map(({ keyId }) => keyId))).toEqual(new Set(await publishedIds()));
    expect(new Set(signers.map(({ installationId }) => installationId)).size).toBe(1);
  });

  test('of a file is used instead, and both are published for what they signed', async () => {
    const [generated] = await publishedIds();
    server.clock.advance({ seconds: 1 });
    const { keyId } = await establishSigner(server.running.services, await keyFile('own.pem', 'ed25519'));
    expect(await publishedIds()).toEqual([keyId, generated]);
    const again = await establishSigner(server.running.services, undefined);
    expect(again.keyId).toBe(generated);
  });

  test('is refused at start where the file holds none', async () => {
    const start = async (path: string) => await establishSigner(server.running.services, path);
    await expect(start(join(folder, 'missing.pem'))).rejects.toThrow(/ARTIFORTRESS_SIGNING_KEY_FILE.*openssl/);
    await expect(start(await keyFile('other.pem', 'x25519'))).rejects.toThrow(/of the kind x25519/);
  });

  test('is named by its thumbprint (RFC 8037, appendix A.3)', () => {
    const publicKey = Buffer.from('11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo', 'base64url');
    expect(keyIdOf(publicKey)).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
  });

  test('is published as a JWK and as PEM of the same key, and never its private half', async () => {
    const reply = await server.request('GET', '/v1/keys', { token: null });
    for (const { keyId, jwk, pem, ...rest } of reply.json.items) {
      expect(keyIdOf(Buffer.from(jwk.x, 'base64url'))).toBe(keyId);
      expect(pem).toMatch(/^-----BEGIN PUBLIC KEY-----\n/);
      expect(Object.keys({ ...jwk, ...rest }).sort()).toEqual(['algorithm', 'createdAtUtc', 'crv', 'kty', 'x']);
    }
  });
});
