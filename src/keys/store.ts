import { sql } from 'kysely';
import type { Queryable } from '../kernel/database.ts';
import type { PublicKey } from './model.ts';

/** Locks the installation, so that racing first starts make one key between them. @returns its id. */
export async function lockInstallation(transaction: Queryable): Promise<string> {
  const [row] = await transaction.query(sql<{ installationId: string }>`
    select installation_id as "installationId" from installation for update`);
  if (row === undefined) throw new Error('the installation has no row');
  return row.installationId;
}

/** The newest key that this installation made itself. @returns its private half as PKCS #8. */
export async function findOwnPrivateKey(db: Queryable): Promise<Buffer | undefined> {
  const [row] = await db.query(sql<{ privateKey: Buffer }>`
    select private_key as "privateKey" from signing_keys where private_key is not null order by created_at desc limit 1`);
  return row?.privateKey;
}

/** Keeps a key; one that is known already stays as it is. */
export async function insertKey(db: Queryable, key: PublicKey, privateKey: Buffer | null): Promise<void> {
  await db.query(sql`
    insert into signing_keys (key_id, public_key, private_key, created_at)
    values (${key.keyId}, ${key.publicKey}, ${privateKey}, ${key.createdAt})
    on conflict (key_id) do nothing`);
}

/** Every key that ever signed, newest first. */
export async function listKeys(db: Queryable): Promise<PublicKey[]> {
  return await db.query(sql<PublicKey>`
    select key_id as "keyId", public_key as "publicKey", created_at as "createdAt"
    from signing_keys order by created_at desc, key_id`);
}
