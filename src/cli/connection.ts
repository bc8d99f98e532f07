import { Artifortress } from '../client/artifortress.ts';
import { DEFAULT_RETRY_POLICY } from '../client/retry.ts';
import { parseBaseUrl } from '../client/transport.ts';
import type { CliContext } from './context.ts';
import { readCredentials, urlOfName } from './credentials.ts';
import type { CliEnvironment } from './environment.ts';
import { NotSignedIn } from './failures.ts';

export const DEFAULT_URL = 'http://127.0.0.1:8080';

export interface ConnectionOptions {
  readonly url?: string;
}

export interface Address {
  readonly url: string;
  /** Null where nobody is signed in there. */
  readonly token: string | null;
}

/** For a command that a person waits for: a dead address is told within a second. */
const SHORT_RETRIES = 3;
/** For a transfer: long enough (about 20 s) to outlast a restart of the server or a change of network. */
const LONG_RETRIES = 8;

/**
 * Where to, and as whom: the option, then the environment, then the stored login. A stored token goes only to the server
 * that it was stored for.
 */
export async function resolveAddress(environment: CliEnvironment, options: ConnectionOptions): Promise<Address> {
  const { ARTIFORTRESS_URL, ARTIFORTRESS_TOKEN } = environment.variables;
  const stored = await readCredentials(environment);
  const wanted = options.url ?? (ARTIFORTRESS_URL || stored.current || DEFAULT_URL);
  const url = parseBaseUrl(urlOfName(stored, wanted) ?? wanted);
  return { url, token: ARTIFORTRESS_TOKEN?.trim() || (stored.servers[url]?.token ?? null) };
}

export interface ConnectOptions {
  /** A transfer waits longer for a server that comes back. */
  readonly patient?: boolean | undefined;
}

/** A client as whoever is signed in; `NotSignedIn` where nobody is. */
export async function connect(
  context: CliContext,
  options: ConnectionOptions,
  { patient = false }: ConnectOptions = {},
): Promise<Artifortress> {
  const { url, token } = await resolveAddress(context.environment, options);
  if (token === null) {
    throw new NotSignedIn(`No token for ${url}: sign in with "artifortress login", or set ARTIFORTRESS_TOKEN.`);
  }
  return clientFor(url, token, patient);
}

/** A client of a server, as the bearer of a token or as nobody. */
export function clientFor(url: string, token: string | undefined, patient = false): Artifortress {
  const maxAttempts = patient ? LONG_RETRIES : SHORT_RETRIES;
  return new Artifortress({
    url,
    token,
    retry: { ...DEFAULT_RETRY_POLICY, maxAttempts },
  });
}
