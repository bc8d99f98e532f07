import { once } from 'node:events';
import { type Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { FuzzRequest } from './requests.ts';

/** No request of the fuzz suite waits for anything. */
const PATIENCE_MS = 15_000;

export interface FuzzAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** Sends the path as it stands, which `fetch` would put in order. @throws where no answer comes in time. */
export async function send(
  url: string,
  agent: Agent,
  { method, path, headers, body }: FuzzRequest,
): Promise<FuzzAnswer> {
  const { hostname, port } = new URL(url);
  const request = httpRequest({
    hostname,
    port,
    agent,
    method,
    path,
    headers,
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (body === undefined) request.end();
  else {
    const bytes = Buffer.from(body);
    request.setHeader('content-length', bytes.length);
    request.end(bytes);
  }
  const [response] = await once(request, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(Buffer.from(chunk));
  return { status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() };
}
