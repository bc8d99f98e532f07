import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { buffer } from 'node:stream/consumers';

/** One request and its answer, exactly as they were; secrets are masked only when it is shown. */
export interface Exchange {
  method: string;
  url: URL;
  requestHeaders: readonly Header[];
  requestBody: Buffer | undefined;
  status: number;
  statusText: string;
  responseHeaders: readonly Header[];
  responseBody: Buffer;
  durationMs: number;
}

export type Header = readonly [name: string, value: string];

export interface RequestParts {
  method: string;
  url: URL;
  headers: readonly Header[];
  body?: Buffer | undefined;
}

/** Longer than any answer of a server that is well takes; a hang must end the demo. */
const TIMEOUT_MS = 60_000;

/** Sends one request with these headers and no others but `Host` and `Connection`. Follows nothing, repeats nothing. */
export async function exchange({ method, url, headers, body }: RequestParts): Promise<Exchange> {
  const startedAt = performance.now();
  const sent: Header[] = [...headers];
  const isLengthSet = headers.some(([name]) => name.toLowerCase() === 'content-length');
  if (body !== undefined && !isLengthSet) sent.push(['Content-Length', String(body.length)]);
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = send(url, { method, headers: Object.fromEntries(sent), timeout: TIMEOUT_MS }, resolve);
    request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    // A server may answer, and close, before it has taken the whole body: then the answer counts.
    request.on('error', (error) => reject(new Error(`${method} ${url.origin}${url.pathname}: ${messageOf(error)}`)));
    request.end(body);
  });
  const responseBody = await buffer(answer);
  return {
    method,
    url,
    requestHeaders: sent,
    requestBody: body,
    status: answer.statusCode ?? 0,
    statusText: answer.statusMessage ?? '',
    responseHeaders: pairs(answer.rawHeaders),
    responseBody,
    durationMs: performance.now() - startedAt,
  };
}

function messageOf(error: Error): string {
  // Where a host has several addresses, Node puts their errors into one without a message.
  if (error instanceof AggregateError) return error.errors.map((each) => String(each.message)).join('; ');
  return error.message;
}

function pairs(raw: readonly string[]): Header[] {
  const headers: Header[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) headers.push([raw[at] ?? '', raw[at + 1] ?? '']);
  return headers;
}
