import { lookup } from 'node:dns/promises';
import { connect as connectSocket } from 'node:net';
import type { Artifortress } from '../client/artifortress.ts';
import { ArtifortressError } from '../client/errors.ts';
import { platformHash } from '../client/platform.ts';
import { explain } from './explain.ts';

/** What a check found, and, where it is not well, what to do now. */
export interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly detail: string;
  readonly advice: string | null;
}

export interface Patient {
  readonly url: string;
  readonly token: string | null;
  readonly client: Artifortress;
  readonly ownVersion: string;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** Tokens, URLs of parts and the TLS of most servers stand a minute; beyond it things begin to expire early. */
const MOST_SKEW_MS = 60_000;
const SOON_MS = 60 * 60 * 1000;

const ok = (check: string, detail: string): Finding => ({ check, status: 'ok', detail, advice: null });
const failed = (check: string, detail: string, advice: string): Finding => ({
  check,
  status: 'failed',
  detail,
  advice,
});
const warning = (check: string, detail: string, advice: string): Finding => ({
  check,
  status: 'warning',
  detail,
  advice,
});

/** Whether the name has an address, and something listens there. */
export async function checkNetwork({ url }: Patient): Promise<Finding> {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const usedPort = Number(port || (protocol === 'https:' ? 443 : 80));
  let address: string;
  try {
    ({ address } = await lookup(host));
  } catch {
    const advice = 'Check the spelling of the address, and that this machine’s DNS knows it.';
    return failed('network', `${host} has no address here`, advice);
  }
  const problem = await tryConnect(address, usedPort);
  if (problem === null) return ok('network', `${host} is ${address}, and port ${usedPort} takes connections`);
  const advice = 'Check that the server runs, that the port is right, and that no firewall is in between.';
  return failed('network', `${address} port ${usedPort}: ${problem}`, advice);
}

function tryConnect(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connectSocket({ host, port, timeout: CONNECT_TIMEOUT_MS });
    const end = (problem: string | null) => (): void => {
      socket.destroy();
      resolve(problem);
    };
    socket.once('connect', end(null));
    socket.once('timeout', end('no answer'));
    socket.once('error', (error) => end(error.message)());
  });
}

/** Whether an Artifortress answers, and of which version. */
export async function checkServer({ client, ownVersion, signal }: Patient): Promise<Finding> {
  try {
    const { service, version } = await client.service.info({ signal });
    const detail = `${service} ${version}, and this is ${ownVersion}`;
    if (version === ownVersion) return ok('server', detail);
    return warning('server', detail, `Where something is refused, install artifortress ${version} here.`);
  } catch (error) {
    const advice = 'Check that the address is that of an Artifortress, and that a proxy in between passes it on.';
    return failed('server', explain(error), advice);
  }
}

/** How far the two clocks are apart. */
export async function checkClock({ url, nowMs, signal }: Patient): Promise<Finding> {
  const before = nowMs();
  const response = await fetch(`${url}/health/live`, { signal });
  await response.body?.cancel();
  const serverMs = Date.parse(response.headers.get('date') ?? '');
  if (Number.isNaN(serverMs))
    return { check: 'clock', status: 'skipped', detail: 'the server told no time', advice: null };
  // The header counts whole seconds, cut off; the middle of the exchange is the best guess of when it was written.
  const skewMs = Math.round(serverMs + 500 - (before + nowMs()) / 2);
  const text = `${Math.abs(skewMs / 1000).toFixed(1)} s ${skewMs > 0 ? 'behind' : 'ahead of'} the server`;
  if (Math.abs(skewMs) <= MOST_SKEW_MS) return ok('clock', `this machine is ${text}`);
  return failed('clock', `this machine is ${text}`, 'Set the clock, by NTP: signed URLs and tokens expire by it.');
}

/** Which of the server's dependencies are away. */
export async function checkReadiness({ client, signal }: Patient): Promise<Finding> {
  const { ready, dependencies } = await client.service.readiness({ signal });
  const parts = Object.entries(dependencies).map(([name, { status, detail }]) => `${name} ${detail ?? status}`);
  if (ready) return ok('readiness', parts.join(', ') || 'ready');
  return failed(
    'readiness',
    parts.join(', '),
    'The operator has to look at what is down: nothing can be pushed or pulled.',
  );
}

/** Whose token it is, how long it lasts, and what it allows. */
export async function checkToken({ client, token, nowMs, signal }: Patient): Promise<Finding> {
  if (token === null) {
    return failed('token', 'there is none for this server', 'Run "artifortress login", or set ARTIFORTRESS_TOKEN.');
  }
  try {
    const { subject, scopes, expiresAtUtc } = await client.service.whoami({ signal });
    const detail = `${subject} until ${expiresAtUtc}: ${scopes.join(' ') || 'no scopes'}`;
    if (scopes.length === 0) {
      return warning('token', detail, 'It allows nothing: ask an administrator for a role, or for another token.');
    }
    if (Date.parse(expiresAtUtc) - nowMs() > SOON_MS) return ok('token', detail);
    return warning('token', detail, 'It expires soon: get another one before a long transfer.');
  } catch (error) {
    return failed('token', explain(error), 'Sign in again with "artifortress login".');
  }
}

const PROBE_BYTES = 1024;

/**
 * Whether a part can be sent from this machine straight to where its URL points, which with S3 is another host than the server.
 * It opens a session and aborts it: nothing is stored, and the trail shows it.
 */
export async function checkUpload({ client, signal }: Patient, repoKey: string): Promise<Finding> {
  const bytes = crypto.getRandomValues(new Uint8Array(PROBE_BYTES));
  const hash = platformHash()();
  hash.update(bytes);
  const expected = { digest: hash.digestHex(), lengthBytes: PROBE_BYTES };
  let uploadId: string | null = null;
  let host = 'the store';
  try {
    ({ uploadId } = await client.uploads.create(repoKey, expected, { signal }));
    const part = await client.uploads.presignPart(repoKey, uploadId, { partNumber: 1 }, { signal });
    host = new URL(part.uploadUrl).host;
    const response = await fetch(part.uploadUrl, { method: 'PUT', body: bytes, headers: { ...part.headers }, signal });
    await response.body?.cancel();
    if (response.ok && response.headers.has('etag')) return ok('upload', `${host} takes parts from this machine`);
    const advice =
      'Check the credentials and the clock of the server, and that no proxy in between changes the request (ARTIFORTRESS_S3_PUBLIC_ENDPOINT).';
    return failed('upload', `${host} answered ${response.status} to a part`, advice);
  } catch (error) {
    if (error instanceof ArtifortressError)
      return failed('upload', explain(error), 'The server refused, and says why.');
    const advice =
      'The address of the store has to be reachable from here: ARTIFORTRESS_S3_PUBLIC_ENDPOINT, or ARTIFORTRESS_PUBLIC_URL with a folder.';
    return failed('upload', `${host} cannot be reached from this machine`, advice);
  } finally {
    if (uploadId !== null) await client.uploads.abort(repoKey, uploadId, { reason: 'doctor' }).catch(() => undefined);
  }
}
