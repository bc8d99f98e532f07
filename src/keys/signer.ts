import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Clock } from '../kernel/clock.ts';
import type { Database } from '../kernel/database.ts';
import { signEnvelope } from '../kernel/dsse.ts';
import { assert, messageOf, StartupError } from '../kernel/errors.ts';
import { keyIdOf, type Signer } from './model.ts';
import { findOwnPrivateKey, insertKey, lockInstallation } from './store.ts';

/**
 * The key that signs checkpoints and receipts: that of the file, where one is set, else one that the first start generates and keeps
 * in the database. Its public half is published for as long as the installation lives.
 * @throws StartupError for a file without an Ed25519 key.
 */
export async function establishSigner(
  { db, clock }: { db: Database; clock: Clock },
  keyFile: string | undefined,
): Promise<Signer> {
  const fromFile = keyFile === undefined ? undefined : readKeyFile(keyFile);
  return await db.transaction(async (transaction) => {
    const installationId = await lockInstallation(transaction);
    const own = fromFile === undefined ? await findOwnPrivateKey(transaction) : undefined;
    const privateKey =
      fromFile ??
      (own === undefined
        ? generateKeyPairSync('ed25519').privateKey
        : createPrivateKey({ key: own, format: 'der', type: 'pkcs8' }));
    const publicKey = rawPublicKey(privateKey);
    const keyId = keyIdOf(publicKey);
    if (own === undefined) {
      const kept = fromFile === undefined ? privateKey.export({ format: 'der', type: 'pkcs8' }) : null;
      await insertKey(transaction, { keyId, publicKey, createdAt: clock.now() }, kept);
    }
    return {
      installationId,
      keyId,
      sign: (payloadType, payload) => signEnvelope({ keyId, privateKey }, payloadType, payload),
    };
  });
}

function readKeyFile(path: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(readFileSync(path));
  } catch (error) {
    throw new StartupError(
      `The signing key "${path}" (ARTIFORTRESS_SIGNING_KEY_FILE) can't be read: ${messageOf(error)}. It must be a PEM file, as "openssl genpkey -algorithm ed25519" makes it.`,
    );
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new StartupError(
      `The signing key "${path}" (ARTIFORTRESS_SIGNING_KEY_FILE) is of the kind ${key.asymmetricKeyType ?? 'unknown'}: make one with "openssl genpkey -algorithm ed25519".`,
    );
  }
  return key;
}

function rawPublicKey(privateKey: KeyObject): Buffer {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  assert(x !== undefined, 'an Ed25519 key has a public half');
  return Buffer.from(x, 'base64url');
}
