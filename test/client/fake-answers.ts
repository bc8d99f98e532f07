import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** A request as a test sees it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** Takes a request over from the fake: true where it has answered. */
export type Fault = (seen: SeenRequest, response: ServerResponse) => boolean;

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export function answer(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): boolean {
  response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req-1', ...headers });
  response.end(JSON.stringify(body));
  return true;
}

export const refuse = (
  response: ServerResponse,
  status: number,
  error: string,
  headers: Readonly<Record<string, string>> = {},
): boolean => answer(response, status, { error, message: `It is ${error}.`, requestId: 'req-1' }, headers);

/** A blob, whole or one range of it. */
export function sendBlob(seen: SeenRequest, response: ServerResponse, bytes: Buffer | undefined): boolean {
  if (bytes === undefined) return refuse(response, 404, 'not_found');
  const range = /^bytes=(\d+)-(\d*)$/.exec(seen.headers.range ?? '');
  const start = Number(range?.[1] ?? 0);
  const end = Math.min(range?.[2] ? Number(range[2]) + 1 : bytes.length, bytes.length);
  const headers: Record<string, string> = { 'content-length': String(end - start), 'x-request-id': 'req-1' };
  if (range !== null) headers['content-range'] = `bytes ${start}-${end - 1}/${bytes.length}`;
  response.writeHead(range === null ? 200 : 206, headers);
  response.end(seen.method === 'HEAD' ? undefined : bytes.subarray(start, end));
  return true;
}

/** Injects a fault into the first `times` requests that match. */
export function failFirst(
  times: number,
  method: string,
  pattern: RegExp,
  fault: (response: ServerResponse) => unknown,
): Fault {
  let left = times;
  return (seen, response) => {
    if (left === 0 || seen.method !== method || !pattern.test(seen.path)) return false;
    left -= 1;
    fault(response);
    return true;
  };
}
