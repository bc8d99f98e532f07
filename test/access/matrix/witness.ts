import { head, talk } from '../../blobs/wire.ts';
import { sha256 } from '../../support/uploading.ts';
import type { ObservedServer } from './observed-server.ts';

/** Who asks, by name, with their tokens. */
export type Callers = Readonly<Record<'reader' | 'writer' | 'owner' | 'stranger' | 'everywhere', string>>;

export interface AskOptions {
  as: keyof Callers;
  headers?: Record<string, string>;
  json?: unknown;
  body?: Buffer;
}

/** What somebody sees of a request, and what it took to answer it. */
export interface Seen {
  /** All that came over the wire, but for what names this one request. */
  answer: string;
  /** The kind and the number of things that the answer had to wait for. */
  work: string[];
}

/** Sends requests, and notes what there is to see of each. */
export interface Witness {
  seen: Seen[];
  /** @returns the parsed body, where there is one. */
  ask: (method: string, target: string, options: AskOptions) => Promise<Record<string, unknown>>;
  /** Asks for the URL of a session's one part, and sends it there. @returns its ETag. */
  sendPart: (session: string, bytes: Buffer, options: { checksummed: boolean }) => Promise<string>;
}

/** @param names what the requests are about: texts that are not compared, by what stands in their place. */
export function createWitness(
  server: ObservedServer,
  callers: Callers,
  names: Readonly<Record<string, string>>,
): Witness {
  const seen: Seen[] = [];
  const ask: Witness['ask'] = async (method, target, { as, headers, json, body }) => {
    const content = json === undefined ? body : Buffer.from(JSON.stringify(json));
    const start = head(server, method, target, {
      authorization: `Bearer ${callers[as]}`,
      connection: 'close',
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...(content === undefined ? {} : { 'content-length': String(content.length) }),
      ...headers,
    });
    server.takeCalls();
    const answer = await talk(server.url, Buffer.concat([Buffer.from(start), content ?? Buffer.alloc(0)]));
    seen.push({ answer: withoutNames(answer, names), work: server.takeCalls() });
    const [last = ''] = answer.split('\r\n\r\n').slice(-1);
    return last.startsWith('{') ? JSON.parse(last) : {};
  };
  return {
    seen,
    ask,
    async sendPart(session, bytes, { checksummed }) {
      const checksum = checksummed ? { sha256: sha256(bytes), sizeBytes: bytes.length } : {};
      const json = { partNumber: 1, ...checksum };
      const { uploadUrl, headers } = await ask('POST', `${session}/parts`, { as: 'writer', json });
      const signed = Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)]);
      const sent = { token: null, body: bytes, headers: Object.fromEntries(signed) };
      return (await server.request('PUT', String(uploadUrl), sent)).headers.get('etag') ?? '';
    },
  };
}

const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** Ids of requests and uploads, times, and what was asked for are taken out, and the cursors and signatures made of these. */
function withoutNames(answer: string, names: Readonly<Record<string, string>>): string {
  const opened = answer.replace(/"payload":"([\w+/=]+)"/, (_match, payload: string) => atob(payload));
  const named = Object.entries(names).reduce((text, [name, value]) => text.replaceAll(value, `<${name}>`), opened);
  return named
    .replaceAll(UUID, '<id>')
    .replaceAll(TIME, '<time>')
    .replace(/^Date: .*$/im, 'Date: <time>')
    .replaceAll(/sha256\/[0-9a-f]{2}\//g, 'sha256/<two>/')
    .replaceAll(/"(nextCursor|sig)":"[\w+/=]+"/g, '"$1":"<id>"')
    .replaceAll(/(expires|signature|uploadId|X-Amz-Date|X-Amz-Expires|X-Amz-Signature)=[\w%-]+/g, '$1=<signed>');
}
