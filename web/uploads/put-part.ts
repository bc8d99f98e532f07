import { ArtifortressError } from '../../src/client/index.ts';
import { reasonOf } from '../../src/client/runtime.ts';

/** A connection on which nothing moves for this long is given up. */
const STALL_TIMEOUT_MS = 60_000;

export interface PartPut {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Blob;
  /** Bytes of this part that have gone out. */
  readonly onProgress: (sentBytes: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Sends a part to where its URL says and answers the store's ETag. `XMLHttpRequest`, since `fetch` tells nothing of how far an upload
 * is. The bytes are read from the file as they are sent. @throws ArtifortressError; the signal's reason.
 */
export function putPart({ url, headers, body, onProgress, signal }: PartPut): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let stall: ReturnType<typeof setTimeout> | undefined;
    const finish = (act: () => void): void => {
      clearTimeout(stall);
      signal.removeEventListener('abort', stop);
      act();
    };
    const fail = (code: string, message: string, status: number | null = null): void =>
      finish(() => reject(new ArtifortressError({ code, message, status })));
    const stop = (): void => {
      request.abort();
      finish(() => reject(reasonOf(signal)));
    };
    const stirred = (): void => {
      clearTimeout(stall);
      stall = setTimeout(() => {
        request.abort();
        fail('timeout', `Nothing moved for ${STALL_TIMEOUT_MS / 1000} s on the way to ${hostOf(url)}.`);
      }, STALL_TIMEOUT_MS);
    };
    request.upload.addEventListener('progress', (event) => {
      stirred();
      onProgress(event.loaded);
    });
    request.addEventListener('load', () => {
      const etag = request.getResponseHeader('etag');
      if (request.status !== 200) {
        const message = `The store at ${hostOf(url)} refused a part (${request.status}${storeCodeOf(request.responseText)}).`;
        fail('store_refused', message, request.status);
      } else if (etag === null || etag === '') {
        fail(
          'invalid_response',
          'The object store hides the ETag: its CORS rule has to expose it (docs/console.md).',
          200,
        );
      } else finish(() => resolve(etag));
    });
    request.addEventListener('error', () =>
      fail('network_error', `No answer from ${hostOf(url)}: it is away, or its CORS rule does not allow this page.`),
    );
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    request.open('PUT', url);
    for (const [name, value] of Object.entries(headers)) {
      // The browser says the length by itself, and lets nobody else do it.
      if (name.toLowerCase() !== 'content-length') request.setRequestHeader(name, value);
    }
    stirred();
    request.send(body);
    return undefined;
  });
}

/** The address without its signature, which is a secret while it lasts. */
function hostOf(url: string): string {
  return new URL(url).host;
}

/** What S3 calls it, or what we do. */
function storeCodeOf(body: string): string {
  const code = /<Code>(\w+)<\/Code>/.exec(body)?.[1] ?? /"error":"(\w+)"/.exec(body)?.[1];
  return code === undefined ? '' : `, ${code}`;
}
