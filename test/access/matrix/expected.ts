import type { Role } from '../../../src/access/model.ts';
import type { Access } from '../../../src/http/app.ts';
import type { Principal } from './principals.ts';

/** What is wrong with a request beside who sends it. */
export interface Flaws {
  /** What is judged by the body, once the route has let the caller in. */
  bodyForbids?: boolean;
  malformed?: boolean;
  absent?: boolean;
  /** The answer where nothing is wrong, or where all that is wrong is a state. */
  otherwise: number;
}

/** What each role lets one do, as the contract has it: `admin` implies all four, `write` implies `read`, `promote` only itself. */
const IMPLIED: Readonly<Record<Role, readonly Role[]>> = {
  read: ['read'],
  write: ['read', 'write'],
  promote: ['promote'],
  admin: ['read', 'write', 'promote', 'admin'],
};

/** The status that the contract gives a request: 401, then 403, then 400, then 404, then the rest. */
export function expectedStatus(need: Access, principal: Principal, repoKey: string, flaws: Flaws): number {
  if (!isKnown(need, principal)) return 401;
  if (!may(need, principal, repoKey) || flaws.bodyForbids === true) return 403;
  if (flaws.malformed === true) return 400;
  if (flaws.absent === true) return 404;
  return flaws.otherwise;
}

function isKnown(need: Access, { token, bootstrap, isMetricsToken }: Principal): boolean {
  switch (need.kind) {
    case 'public':
    case 'signed_url':
      return true;
    case 'bootstrap_or_token':
      return bootstrap === undefined ? token === 'good' : bootstrap === 'right';
    case 'metrics':
      return token === 'good' || isMetricsToken === true;
    case 'token':
    case 'repository':
    case 'somewhere':
    case 'everywhere':
      return token === 'good';
  }
}

function may(need: Access, principal: Principal, repoKey: string): boolean {
  switch (need.kind) {
    case 'public':
    case 'signed_url':
    case 'token':
    case 'bootstrap_or_token':
      return true;
    case 'metrics':
      return principal.isMetricsToken === true || isAllowed(principal, 'admin', '*');
    case 'repository':
      return isAllowed(principal, need.role, repoKey);
    case 'somewhere':
      return principal.grants.some(({ role }) => IMPLIED[role].includes(need.role));
    case 'everywhere':
      return isAllowed(principal, need.role, '*');
  }
}

/** Whether one of the grants gives the role on the repository. */
export function isAllowed({ grants }: Principal, role: Role, repoKey: string): boolean {
  return grants.some((grant) => (grant.repo === '*' || grant.repo === repoKey) && IMPLIED[grant.role].includes(role));
}
