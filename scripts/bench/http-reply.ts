/** What becomes of a reply's body: thrown away, kept as text, or handed on chunk by chunk (the chunk is only lent). */
export type TakeBody = 'discard' | 'text' | ((chunk: Uint8Array) => void);

export interface Reply {
  readonly status: number;
  /** The status line and the header fields, as received. */
  readonly head: string;
  /** The body where the request asked for text, else empty. */
  readonly text: string;
  readonly bodyBytes: number;
}

const HEAD_LIMIT_BYTES = 64 * 1024;
const TEXT_LIMIT_BYTES = 1024 * 1024;
const HEAD_END = '\r\n\r\n';

/** Returns a header field's value from a reply's head, or null. */
export function headerOf(head: string, name: string): string | null {
  const match = new RegExp(`\\r\\n${name}: *([^\\r\\n]*)`, 'i').exec(head);
  return match?.[1] ?? null;
}

/** Reads one HTTP/1.1 reply framed by `Content-Length` from the chunks of a socket (RFC 9112 §6). */
export class ReplyReader {
  readonly #take: TakeBody;
  readonly #bodiless: boolean;
  #pendingHead: Buffer | null = null;
  #head: string | null = null;
  #status = 0;
  #expectedBytes = 0;
  #bodyBytes = 0;
  readonly #text: Buffer[] = [];

  constructor(method: string, take: TakeBody) {
    this.#take = take;
    this.#bodiless = method === 'HEAD';
  }

  /** Takes the next chunk, which it doesn't keep; returns the reply once it is whole. Throws on what it can't frame. */
  push(chunk: Buffer): Reply | null {
    const body = this.#head === null ? this.#readHead(chunk) : chunk;
    if (body === null) return null;
    if (body.length > 0) this.#readBody(body);
    if (this.#bodyBytes < this.#expectedBytes) return null;
    const text = Buffer.concat(this.#text).toString('utf8');
    return { status: this.#status, head: this.#head ?? '', text, bodyBytes: this.#bodyBytes };
  }

  #readHead(chunk: Buffer): Buffer | null {
    const seen = this.#pendingHead === null ? chunk : Buffer.concat([this.#pendingHead, chunk]);
    const end = seen.indexOf(HEAD_END);
    if (end === -1) {
      if (seen.length > HEAD_LIMIT_BYTES) throw new Error(`the reply's head is longer than ${HEAD_LIMIT_BYTES} bytes`);
      this.#pendingHead = Buffer.from(seen);
      return null;
    }
    const head = seen.toString('latin1', 0, end);
    const rest = seen.subarray(end + HEAD_END.length);
    const status = Number(head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length));
    if (!head.startsWith('HTTP/1.') || !Number.isInteger(status)) throw new Error(`not an HTTP/1.1 reply: ${head}`);
    if (status < 200) {
      // RFC 9110 §15.2: interim replies precede the one that counts.
      this.#pendingHead = null;
      return rest.length > 0 ? this.#readHead(rest) : null;
    }
    this.#head = head;
    this.#status = status;
    this.#expectedBytes = this.#bodyLength(head, status);
    return rest;
  }

  #bodyLength(head: string, status: number): number {
    if (this.#bodiless || status === 204 || status === 304) return 0;
    const length = headerOf(head, 'content-length');
    if (length === null) throw new Error(`a reply without Content-Length: ${head}`);
    return Number(length);
  }

  #readBody(body: Buffer): void {
    this.#bodyBytes += body.length;
    if (this.#bodyBytes > this.#expectedBytes) throw new Error('the reply is longer than its Content-Length');
    if (this.#take === 'discard') return;
    if (this.#take !== 'text') {
      this.#take(body);
      return;
    }
    if (this.#bodyBytes > TEXT_LIMIT_BYTES) throw new Error(`a text reply is longer than ${TEXT_LIMIT_BYTES} bytes`);
    this.#text.push(Buffer.from(body));
  }
}
