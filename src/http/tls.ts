import { readFileSync, statSync } from 'node:fs';
import type { SecureContextOptions, Server } from 'node:tls';
import { createSecureContext } from 'node:tls';
import { messageOf, StartupError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { Settings } from '../kernel/settings.ts';

/** How often the files are looked at. Certificates are renewed days before they end. */
const LOOK_EVERY_MS = 10_000;

export interface TlsFiles {
  certificateFile: string;
  keyFile: string;
}

/** @throws StartupError where only one of the two is set. */
export function tlsFilesOf({ tlsCertificateFile, tlsKeyFile }: Settings): TlsFiles | undefined {
  if (tlsCertificateFile === undefined && tlsKeyFile === undefined) return undefined;
  if (tlsCertificateFile === undefined || tlsKeyFile === undefined) {
    throw new StartupError('ARTIFORTRESS_TLS_CERT_FILE and ARTIFORTRESS_TLS_KEY_FILE go together: set both, or none.');
  }
  return { certificateFile: tlsCertificateFile, keyFile: tlsKeyFile };
}

/** @throws StartupError for files that can't be read, or that hold no certificate and its key. */
export function readTlsFiles({ certificateFile, keyFile }: TlsFiles): SecureContextOptions {
  try {
    const options: SecureContextOptions = {
      cert: readFileSync(certificateFile),
      key: readFileSync(keyFile),
      minVersion: 'TLSv1.2',
    };
    createSecureContext(options);
    return options;
  } catch (error) {
    throw new StartupError(
      `HTTPS can't be served with "${certificateFile}" and "${keyFile}" (ARTIFORTRESS_TLS_CERT_FILE, ARTIFORTRESS_TLS_KEY_FILE): ${messageOf(error)}`,
    );
  }
}

/**
 * Serves with the new certificate once the files have changed; connections that stand keep theirs. Files that don't fit together, as in
 * the middle of a renewal, leave the old ones in force. @returns what stops it.
 */
export function reloadTls(
  server: Pick<Server, 'setSecureContext'>,
  files: TlsFiles,
  log: Logger,
  everyMs = LOOK_EVERY_MS,
): () => void {
  let served = stampOf(files);
  const timer = setInterval(() => {
    try {
      const found = stampOf(files);
      if (found === served) return;
      server.setSecureContext(readTlsFiles(files));
      served = found;
      log.info({ certificateFile: files.certificateFile }, 'the TLS certificate was read again');
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'the changed TLS files are not used yet');
    }
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Changes with either file, also where a link is turned to another one. */
function stampOf({ certificateFile, keyFile }: TlsFiles): string {
  return [certificateFile, keyFile]
    .map((path) => {
      const found = statSync(path, { throwIfNoEntry: false });
      return found === undefined ? 'missing' : `${found.ino} ${found.mtimeMs} ${found.size}`;
    })
    .join(' ');
}
