import type { IncomingMessage } from 'node:http';
import { AppError } from '../kernel/errors.ts';

/** How often a header came. Node keeps only the first of some (`Host`, `Authorization`), where others may keep the last. */
export function countOf(rawHeaders: readonly string[], lowercaseName: string): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === lowercaseName.length && name.toLowerCase() === lowercaseName) count += 1;
  }
  return count;
}

/** @throws AppError `bad_request` for another version, and for none or several `Host` headers (RFC 9112 §2.3, §3.2). */
export function refuseAmbiguousHead({ httpVersion, rawHeaders }: IncomingMessage): void {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') {
    throw new AppError('bad_request', 'This server speaks HTTP/1.1 and HTTP/1.0.');
  }
  const hosts = countOf(rawHeaders, 'host');
  if (hosts > 1) throw new AppError('bad_request', 'The request has several Host headers.');
  if (hosts === 0 && httpVersion === '1.1') throw new AppError('bad_request', 'The request has no Host header.');
}
