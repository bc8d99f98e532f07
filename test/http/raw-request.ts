import { connect } from 'node:net';
import type { Reply } from '../support/test-server.ts';

/** Longer than any answer takes; a server that stays silent fails the test by its empty answer. */
const PATIENCE_MS = 5_000;

export interface RawReply {
  /** 0 where nothing that looks like HTTP came back. */
  status: number;
  headers: Headers;
  json: Reply['json'];
}

/** Sends exactly these bytes on a bare connection, which no client library has put in order. */
export async function sendRaw(url: string, text: string): Promise<RawReply> {
  const { hostname, port } = new URL(url);
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(text, 'latin1'));
    const chunks: Buffer[] = [];
    const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks).toString('utf8'));
    });
  });
  const [head = '', ...rest] = answer.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = new Headers(
    lines.map((line): [string, string] => [line.split(': ')[0] ?? '', line.split(': ')[1] ?? '']),
  );
  const body = rest.join('\r\n\r\n');
  const isJson = headers.get('content-type')?.startsWith('application/json') === true && body !== '';
  return { status: Number(statusLine.split(' ')[1] ?? 0), headers, json: isJson ? JSON.parse(body) : undefined };
}

/** A request line with its headers as they are, on a connection that the server closes after its answer. */
export function rawRequest(method: string, target: string, headers: Record<string, string> = {}, body = ''): string {
  const lines = Object.entries({ host: 'localhost', connection: 'close', ...headers });
  return `${method} ${target} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`;
}
