import { startDeadline } from './deadline.ts';
import { invalidArgument } from './errors.ts';
import type { Parser } from './parse.ts';
import { sendsStreamsOfKnownLength } from './platform.ts';
import { errorOf, MAX_JSON_BYTES, parseJson, readText } from './response-body.ts';
import { isRepeatable, type Repeat, type RetryPolicy, retrying } from './retry.ts';
import type { Runtime } from './runtime.ts';

/** Longer than any call that moves no artifact should take; `complete` on a slow store is the slowest. */
const CONTROL_TIMEOUT_MS = 60_000;
/** The slowest link that uploads are still waited for; anything slower counts as stalled. */
const SLOWEST_UPLOAD_BYTES_PER_SECOND = 32 * 1024;

/** The time one body may take on its way up, in milliseconds. */
export function uploadTimeoutMs(sizeBytes: number): number {
  return CONTROL_TIMEOUT_MS + Math.ceil(sizeBytes / SLOWEST_UPLOAD_BYTES_PER_SECOND) * 1000;
}

export interface UploadBody {
  readonly sizeBytes: number;
  /** Called once for each try. A stream needs a runtime whose fetch sends streams (Node, Deno, Bun). */
  open(): Promise<Blob | ReadableStream<Uint8Array>>;
}

interface RequestSpec {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Below the server's address; made with `path`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly json?: unknown;
  readonly body?: UploadBody;
  readonly headers?: Readonly<Record<string, string>>;
  readonly repeat: Repeat;
  /** A status beyond 2xx that is an answer rather than an error. */
  readonly alsoAccept?: number;
  readonly signal: AbortSignal | undefined;
}

interface JsonAnswer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly value: T;
}

/** How the library reaches one server, as one caller. */
export interface Transport {
  readonly baseUrl: string;
  readonly runtime: Runtime;
  readonly policy: RetryPolicy;
  json<T>(this: void, spec: RequestSpec, parse: Parser<T>): Promise<T>;
  jsonAnswer<T>(this: void, spec: RequestSpec, parse: Parser<T>): Promise<JsonAnswer<T>>;
  /** The answer with its body unread; the time limit covers the headers only. */
  open(this: void, spec: RequestSpec): Promise<Response>;
}

export interface TransportOptions {
  readonly url: string;
  readonly token: string | undefined;
  readonly runtime: Runtime;
  readonly policy: RetryPolicy;
}

/** The address without a trailing slash; refuses anything but http(s), and credentials, which logs would keep. */
export function parseBaseUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw invalidArgument(`"${url}" is not a server address: give one like http://127.0.0.1:8080.`);
  }
  if (parsed.username !== '' || parsed.password !== '' || parsed.search !== '' || parsed.hash !== '') {
    throw invalidArgument('A server address holds no user, password, query or fragment: the token goes elsewhere.');
  }
  return parsed.href.replace(/\/+$/, '');
}

/** Connects nothing yet: every call is a fetch of its own. */
export function createTransport(options: TransportOptions): Transport {
  const { runtime, policy, token } = options;
  const baseUrl = parseBaseUrl(options.url);

  function addressOf(spec: RequestSpec): string {
    const url = new URL(baseUrl + spec.path);
    for (const [name, value] of Object.entries(spec.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    return url.href;
  }

  function headersOf(spec: RequestSpec): Record<string, string> {
    return {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(spec.json === undefined ? {} : { 'content-type': 'application/json' }),
      ...spec.headers,
    };
  }

  async function attempt<T>(spec: RequestSpec, read: (response: Response) => Promise<T>): Promise<T> {
    const limitMs = spec.body === undefined ? CONTROL_TIMEOUT_MS : uploadTimeoutMs(spec.body.sizeBytes);
    const deadline = startDeadline(spec.signal, limitMs);
    try {
      const upload = spec.body === undefined ? {} : await uploadInit(spec.body, headersOf(spec));
      const response = await runtime.fetch(addressOf(spec), {
        method: spec.method,
        headers: headersOf(spec),
        signal: deadline.signal,
        ...(spec.json === undefined ? {} : { body: JSON.stringify(spec.json) }),
        ...upload,
      });
      if (!response.ok && response.status !== spec.alsoAccept) {
        throw await errorOf(response, `${spec.method} ${spec.path}`, runtime.now());
      }
      return await read(response);
    } catch (error) {
      throw deadline.explain(error, `talking to ${baseUrl}`);
    } finally {
      deadline.disarm();
    }
  }

  function repeating<T>(spec: RequestSpec, read: (response: Response) => Promise<T>): Promise<T> {
    return retrying(
      { runtime, policy, signal: spec.signal },
      (error) => isRepeatable(error, spec.repeat),
      () => attempt(spec, read),
    );
  }

  function jsonAnswer<T>(spec: RequestSpec, parse: Parser<T>): Promise<JsonAnswer<T>> {
    return repeating(spec, async (response) => {
      const body = parseJson(await readText(response, MAX_JSON_BYTES), baseUrl);
      return { status: response.status, headers: response.headers, value: parse(body, '') };
    });
  }

  return {
    baseUrl,
    runtime,
    policy,
    jsonAnswer,
    json: async (spec, parse) => (await jsonAnswer(spec, parse)).value,
    open: (spec) => repeating(spec, (response) => Promise.resolve(response)),
  };
}

/**
 * What fetch needs to send a body of known length. A Blob brings its own `Content-Length`, and a second one would be
 * malformed; a stream needs it said, or it would go chunked, which object stores refuse.
 */
export async function uploadInit(
  body: UploadBody,
  headers: Readonly<Record<string, string>>,
): Promise<Pick<RequestInit, 'body' | 'headers'> & { duplex?: 'half' }> {
  const sent = Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'content-length'));
  const content = await body.open();
  if (content instanceof Blob) return { body: content, headers: sent };
  if (!sendsStreamsOfKnownLength()) return { body: await new Response(content).blob(), headers: sent };
  return { body: content, headers: { ...sent, 'content-length': String(body.sizeBytes) }, duplex: 'half' };
}
