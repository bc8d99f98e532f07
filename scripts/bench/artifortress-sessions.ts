import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf, type Payload } from '../../src/cli/bench/payloads.ts';
import { type Connection, type HttpRequest, LOOPBACK } from './http-connection.ts';
import { headerOf, type Reply } from './http-reply.ts';
import { fieldOf, listOf, numberOf, parseJson, textOf, textsOf } from './json-fields.ts';
import { expectStatus } from './subject.ts';

/** A part to upload, with its digest known beforehand. */
export interface Part {
  readonly partNumber: number;
  readonly start: number;
  readonly end: number;
  readonly sha256: string;
}

/** More repeated commits than any verification of a benchmark's object needs. */
const COMMIT_LIMIT = 600;
const MS_PER_SECOND = 1000;

/** Uploads by sessions, as the contract of the API has them: create, parts, put, complete, commit. */
export class UploadSessions {
  readonly #uploadsTarget: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(repoKey: string, authorization: Readonly<Record<string, string>>) {
    this.#uploadsTarget = `/v1/repos/${repoKey}/uploads`;
    this.#headers = { ...authorization, 'Content-Type': 'application/json' };
  }

  /** Cuts a payload into the parts that the server suggests, asking it by a session that is aborted again. */
  async planParts(connection: Connection, payload: Payload): Promise<Part[]> {
    const { uploadTarget, suggestedPartSizeBytes } = await this.#create(connection, payload);
    await this.#post(connection, 'abort', `${uploadTarget}/abort`, 200, { reason: 'planning only' });
    const parts: Part[] = [];
    for (let start = 0; start < payload.lengthBytes; start += suggestedPartSizeBytes) {
      const end = Math.min(start + suggestedPartSizeBytes, payload.lengthBytes);
      parts.push({ partNumber: parts.length + 1, start, end, sha256: digestOf(payload.body(start, end)) });
    }
    return parts;
  }

  /** Uploads a payload by one session: its parts side by side, one at a time on each connection. */
  async upload(connections: readonly Connection[], payload: Payload, parts: readonly Part[]): Promise<void> {
    const first = firstOf(connections);
    await this.#commit(first, await this.uploadUncommitted(connections, payload, parts));
  }

  /** Does everything but the commit; returns the target of the session. */
  async uploadUncommitted(
    connections: readonly Connection[],
    payload: Payload,
    parts: readonly Part[],
  ): Promise<string> {
    const first = firstOf(connections);
    const { uploadTarget } = await this.#create(first, payload);
    const requests = parts.map(({ partNumber, start, end, sha256 }) => ({
      partNumber,
      sha256,
      sizeBytes: end - start,
    }));
    const [only] = requests;
    const isSingle = requests.length === 1;
    const signed = await this.#post(
      first,
      'parts',
      `${uploadTarget}/parts`,
      200,
      isSingle ? only : { parts: requests },
    );
    const grants = isSingle ? [signed] : listOf(signed, 'parts');

    const etags: { partNumber: number; etag: string }[] = [];
    const waiting = parts.values();
    const drain = async (connection: Connection) => {
      for (const part of waiting) {
        const grant = grants.find((candidate) => numberOf(candidate, 'partNumber') === part.partNumber);
        etags.push({ partNumber: part.partNumber, etag: await this.#putPart(connection, grant, payload, part) });
      }
    };
    await Promise.all(connections.map(drain));

    await this.#post(first, 'complete', `${uploadTarget}/complete`, 200, { parts: etags });
    return uploadTarget;
  }

  /** Asks to upload what is there already; throws unless no bytes are needed. */
  async dedupe(connection: Connection, { digest, lengthBytes }: Payload): Promise<void> {
    const content = { expectedDigest: digest, expectedLength: lengthBytes };
    const created = await this.#post(connection, 'dedupe', this.#uploadsTarget, 200, content);
    if (textOf(created, 'state') !== 'committed') throw new Error('bytes that are there were asked for again');
  }

  /** Asks for the commit once; returns null when it is done, else the seconds that a client is to wait. */
  async commitOnce(connection: Connection, uploadTarget: string): Promise<number | null> {
    const reply = await this.#send(connection, 'commit', `${uploadTarget}/commit`, {});
    if (reply.status === 202) return Number(headerOf(reply.head, 'retry-after') ?? '1');
    expectStatus(reply, 200, 'the commit');
    return null;
  }

  async #create(connection: Connection, { digest, lengthBytes }: Payload) {
    const content = { expectedDigest: digest, expectedLength: lengthBytes };
    const created = await this.#post(connection, 'create', this.#uploadsTarget, 201, content);
    return {
      uploadTarget: `${this.#uploadsTarget}/${textOf(created, 'uploadId')}`,
      suggestedPartSizeBytes: numberOf(created, 'nextAction', 'suggestedPartSizeBytes'),
    };
  }

  async #putPart(connection: Connection, grant: unknown, payload: Payload, { start, end }: Part): Promise<string> {
    const url = new URL(textOf(grant, 'uploadUrl'));
    if (url.hostname !== LOOPBACK) throw new Error(`the upload URL points elsewhere: ${url.host}`);
    const reply = await connection.beside(Number(url.port)).request({
      step: 'put part',
      method: 'PUT',
      target: url.pathname + url.search,
      headers: withoutLength(textsOf(fieldOf(grant, 'headers'))),
      body: payload.body(start, end),
      take: 'text',
    });
    const etag = headerOf(expectStatus(reply, 200, 'the put of a part').head, 'etag');
    if (etag === null) throw new Error('the put of a part was answered without an ETag');
    return etag;
  }

  /** Commits as a client does that keeps to the contract: a 202 is repeated after the time that it names. */
  async #commit(connection: Connection, uploadTarget: string): Promise<void> {
    for (let attempt = 0; attempt < COMMIT_LIMIT; attempt++) {
      const waitSeconds = await this.commitOnce(connection, uploadTarget);
      if (waitSeconds === null) return;
      await sleep(waitSeconds * MS_PER_SECOND);
    }
    throw new Error(`the commit was still being verified after ${COMMIT_LIMIT} requests`);
  }

  async #post(connection: Connection, step: string, target: string, status: number, content: object | undefined) {
    const reply = await this.#send(connection, step, target, content ?? {});
    return parseJson(expectStatus(reply, status, `POST ${step}`).text);
  }

  async #send(connection: Connection, step: string, target: string, content: object): Promise<Reply> {
    const bytes = Buffer.from(JSON.stringify(content));
    const body = { lengthBytes: bytes.length, chunks: [bytes] };
    const request: HttpRequest = { step, method: 'POST', target, headers: this.#headers, body, take: 'text' };
    return connection.request(request);
  }
}

function firstOf(connections: readonly Connection[]): Connection {
  const [first] = connections;
  if (first === undefined) throw new Error('an upload needs a connection');
  return first;
}

/** The connection writes the length itself; a second one would make the request malformed. */
function withoutLength(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'content-length'));
}
