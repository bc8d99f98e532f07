import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { isRecord } from '../client/parse.ts';
import type { CliEnvironment } from './environment.ts';
import { UsageError } from './failures.ts';

export interface StoredServer {
  readonly token: string;
  readonly subject: string;
  readonly expiresAtUtc: string;
  /** What it may be called by instead of its address. */
  readonly name: string | null;
}

/** What `login` keeps: a token for each server, and the server that is meant when none is named. */
export interface Credentials {
  readonly current: string | null;
  readonly servers: Readonly<Record<string, StoredServer>>;
}

const FILE_VERSION = 1;
const EMPTY: Credentials = { current: null, servers: {} };

/** `$XDG_CONFIG_HOME/artifortress/credentials.json`, below `~/.config` by default. */
function credentialsPath({ variables, homeFolder }: CliEnvironment): string {
  const configured = variables.XDG_CONFIG_HOME;
  // The XDG specification: a relative path there is to be ignored.
  const folder =
    configured !== undefined && path.isAbsolute(configured) ? configured : path.join(homeFolder(), '.config');
  return path.join(folder, 'artifortress', 'credentials.json');
}

function parseCredentials(content: string, file: string): Credentials {
  const unreadable = new UsageError(`${file} cannot be read: delete it, and sign in again.`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch {
    throw unreadable;
  }
  if (!isRecord(parsed) || parsed.version !== FILE_VERSION || !isRecord(parsed.servers)) throw unreadable;
  const servers: Record<string, StoredServer> = {};
  for (const [url, entry] of Object.entries(parsed.servers)) {
    if (!isRecord(entry) || typeof entry.token !== 'string') throw unreadable;
    const { token, subject, expiresAtUtc } = entry;
    const name = typeof entry.name === 'string' ? entry.name : null;
    servers[url] = { token, subject: String(subject), expiresAtUtc: String(expiresAtUtc), name };
  }
  return { current: typeof parsed.current === 'string' ? parsed.current : null, servers };
}

/** The stored logins; none where the file does not exist. */
export async function readCredentials(environment: CliEnvironment): Promise<Credentials> {
  const file = credentialsPath(environment);
  try {
    return parseCredentials(await readFile(file, 'utf8'), file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return EMPTY;
    throw error;
  }
}

/** Replaces the file as a whole: 0600 from its first byte, in a folder of 0700. Returns its path. */
export async function writeCredentials(environment: CliEnvironment, credentials: Credentials): Promise<string> {
  const file = credentialsPath(environment);
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await chmod(path.dirname(file), 0o700);
  const temporary = `${file}.${randomBytes(6).toString('hex')}`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify({ version: FILE_VERSION, ...credentials }, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return file;
}

/** Credentials with one server's login replaced, which becomes the one that is meant when none is named. */
export function withServer(credentials: Credentials, url: string, server: StoredServer): Credentials {
  return { current: url, servers: { ...credentials.servers, [url]: server } };
}

/** The address that a name stands for; null where no login has that name. */
export function urlOfName({ servers }: Credentials, name: string): string | null {
  return Object.entries(servers).find(([, server]) => server.name === name)?.[0] ?? null;
}

/** Credentials without one server's login. */
export function withoutServer(credentials: Credentials, url: string): Credentials {
  const servers = Object.fromEntries(Object.entries(credentials.servers).filter(([key]) => key !== url));
  return { current: credentials.current === url ? null : credentials.current, servers };
}
