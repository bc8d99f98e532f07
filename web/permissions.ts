import type { Identity, Role } from '../src/client/index.ts';

/** What each role lets one do, as the contract says: `admin` implies all, `write` implies `read`. */
const GRANTS: Readonly<Record<string, readonly Role[]>> = {
  read: ['read'],
  write: ['write', 'read'],
  admin: ['admin', 'write', 'read', 'promote'],
  promote: ['promote'],
};

/** What the console shows: the server judges each call by itself, whatever is shown here. */
export interface Permissions {
  /** On one repository; `*`: on every one. */
  may(role: Role, repoKey: string): boolean;
  maySomewhere(role: Role): boolean;
}

/** Reads scopes of the form `repo:<repoKey|*>:<role>`; what is none of that form grants nothing. */
export function permissionsOf({ scopes }: Pick<Identity, 'scopes'>): Permissions {
  const granted = scopes.flatMap((scope) => {
    const [kind, repoKey, role] = scope.split(':');
    return kind === 'repo' && repoKey !== undefined ? [{ repoKey, roles: GRANTS[role ?? ''] ?? [] }] : [];
  });
  return {
    may: (role, repoKey) =>
      granted.some((grant) => (grant.repoKey === '*' || grant.repoKey === repoKey) && grant.roles.includes(role)),
    maySomewhere: (role) => granted.some((grant) => grant.roles.includes(role)),
  };
}
