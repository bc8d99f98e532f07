import { ArtifortressError } from '../client/errors.ts';
import { isRecord } from '../client/parse.ts';

/** What to do now, by code. Where a code is missing, the server's own sentence says enough. */
const ADVICE: Readonly<Record<string, string>> = {
  unauthorized: 'Sign in with "artifortress login", or set ARTIFORTRESS_TOKEN to a valid token.',
  forbidden: 'See what your token allows with "artifortress whoami", and ask an administrator for the rest.',
  not_found: 'Check the name; "artifortress repo list" shows the repositories that you may read.',
  upload_verification_failed: 'Nothing was stored: if the file changed while it was sent, push it again.',
  content_mismatch: 'Nothing was kept: try again, and tell the operator if it happens twice.',
  source_changed: 'Push it again once nothing writes to it.',
  rate_limited: 'Wait a little and run it again.',
  storage_access_denied: 'The operator has to look at the object store; then run it again.',
  service_unavailable: 'Run it again in a moment; "artifortress status" shows what is away.',
  insufficient_storage: 'The operator has to free space; then run it again.',
  internal_error: 'Tell the operator the request id.',
  network_error:
    'Check the address (--url, ARTIFORTRESS_URL) and that the server runs: "artifortress serve" starts one.',
  timeout: 'Check the network, and run it again.',
  client_outdated: 'Install the version of artifortress that the server has.',
};

const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'permission is denied',
  EPERM: 'the system does not permit it',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is no folder',
  ENOSPC: 'the disk is full',
  EROFS: 'the file system is read-only',
};

/** A failure as one line for a person: what happened, what to do now, and the id that the operator finds it by. */
export function explain(error: unknown): string {
  if (error instanceof ArtifortressError) {
    const id = error.requestId === null ? null : `(request ${error.requestId})`;
    return [sentence(error.message), detailsOf(error), ADVICE[error.code], id].filter(Boolean).join(' ');
  }
  return systemError(error) ?? sentence(error instanceof Error ? error.message : String(error));
}

function sentence(message: string): string {
  const oneLine = message.replace(/\s+/g, ' ').trim();
  return /[.!?)]$/.test(oneLine) ? oneLine : `${oneLine}.`;
}

function detailsOf(error: ArtifortressError): string | null {
  if (error.code !== 'upload_verification_failed') return null;
  const { expectedDigest, actualDigest, expectedLength, actualLength } = error.fields;
  if (typeof actualDigest === 'string') return `Declared ${String(expectedDigest)}, received ${actualDigest}.`;
  return `Declared ${String(expectedLength)} bytes, received ${String(actualLength)}.`;
}

function systemError(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const details: unknown = error;
  if (!isRecord(details) || typeof details.code !== 'string') return null;
  const reason = SYSTEM_ERRORS[details.code];
  if (reason === undefined) return null;
  return typeof details.path === 'string' ? `${details.path}: ${reason}.` : sentence(reason);
}
