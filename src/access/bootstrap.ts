import { sql } from 'kysely';
import type { Database } from '../kernel/database.ts';
import type { Ids } from '../kernel/ids.ts';
import { hashSecret } from './model.ts';

const BOOTSTRAP_PREFIX = 'aftboot_';
const SECRET_BYTES = 32;

/** The bootstrap secret in force, by its hash, and its text where this very start generated it. */
export interface BootstrapSecret {
  sha256: Buffer;
  generated: string | undefined;
}

/**
 * The configured secret, or else the one that the first start of this installation generated. Racing first starts generate one
 * between them. A configured secret disables the generated one for as long as it is configured.
 */
export async function establishBootstrapSecret(
  services: { db: Database; ids: Ids },
  configured: string | undefined,
): Promise<BootstrapSecret> {
  if (configured !== undefined) return { sha256: hashSecret(configured), generated: undefined };
  const candidate = BOOTSTRAP_PREFIX + services.ids.randomBytes(SECRET_BYTES).toString('base64url');
  const inserted = await services.db.query(sql`
    insert into installation (bootstrap_secret_sha256) values (${hashSecret(candidate)})
    on conflict (singleton) do update set bootstrap_secret_sha256 = excluded.bootstrap_secret_sha256
      where installation.bootstrap_secret_sha256 is null
    returning true`);
  if (inserted.length > 0) return { sha256: hashSecret(candidate), generated: candidate };
  const [stored] = await services.db.query(sql<{ sha256: Buffer }>`
    select bootstrap_secret_sha256 as sha256 from installation`);
  if (stored === undefined) throw new Error('the installation row vanished between two statements');
  return { sha256: stored.sha256, generated: undefined };
}
