import { Artifortress, ArtifortressError, type Identity } from '../src/client/index.ts';
import { type Permissions, permissionsOf } from './permissions.ts';

/** In `sessionStorage`: it outlives a reload and dies with the tab. Nowhere else, and never in an address. */
const TOKEN_KEY = 'artifortress.token';

/** Somebody who is signed in, and the server as they see it. */
export interface Session {
  readonly client: Artifortress;
  readonly identity: Identity;
  readonly permissions: Permissions;
}

/** The server that this page came from, below whatever path a proxy puts before it. */
export const SERVER_URL = location.origin + location.pathname.replace(/\/console\/?$/, '');

export function keptToken(): string | null {
  return sessionStorage.getItem(TOKEN_KEY);
}

export function forgetToken(): void {
  sessionStorage.removeItem(TOKEN_KEY);
}

/** Signs in: the token is kept only once the server has recognised it. @throws ArtifortressError. */
export async function signIn(token: string): Promise<Session> {
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new ArtifortressError({
      code: 'invalid_argument',
      message: 'This is no token: a token has no spaces in it.',
    });
  }
  const client = new Artifortress({ url: SERVER_URL, token });
  const identity = await client.service.whoami();
  sessionStorage.setItem(TOKEN_KEY, token);
  return { client, identity, permissions: permissionsOf(identity) };
}
