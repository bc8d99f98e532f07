import { isUtf8 } from 'node:buffer';
import { PassThrough } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../kernel/errors.ts';
import type { App } from './app.ts';
import { refuseAmbiguousJson } from './strict-json.ts';

/** JSON bodies, of which an empty one counts as none. */
export function parseJsonBodies(app: App): void {
  app.removeAllContentTypeParsers();
  // Refuses "__proto__" and "constructor.prototype" too.
  const parseJson = app.getDefaultJsonParser('error', 'error');
  // Many an HTTP client names a Content-Type where it sends nothing: then there is nothing to refuse.
  app.addContentTypeParser('*', ({ headers }, _payload, done) => {
    const isEmpty = headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
    done(isEmpty ? null : new AppError('unsupported_media_type'), undefined);
  });
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const bytes = Buffer.from(body);
    if (bytes.length === 0) {
      done(null, undefined);
      return;
    }
    const text = bytes.toString('utf8');
    const refusal = refusalOf(() => refuseOtherEncodings(request, bytes));
    if (refusal !== null) {
      done(refusal);
      return;
    }
    void parseJson(request, text, (error: Error | null, value: unknown) => {
      if (error !== null) done(error);
      else
        done(
          refusalOf(() => refuseAmbiguousJson(text)),
          value,
        );
    });
  });
}

const CHARSET = /;\s*charset\s*=\s*"?([^\s";]+)/i;

/** JSON is UTF-8 (RFC 8259 §8.1): read as anything else, two names that differ could become one. */
function refuseOtherEncodings({ headers }: FastifyRequest, bytes: Buffer): void {
  const charset = CHARSET.exec(headers['content-type'] ?? '')?.[1]?.toLowerCase() ?? 'utf-8';
  if (charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii') {
    throw new AppError('unsupported_media_type', 'This route takes JSON in UTF-8.');
  }
  if (!isUtf8(bytes)) throw new AppError('bad_request', 'The body is not UTF-8.');
}

function refusalOf(check: () => void): Error | null {
  try {
    check();
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** After its refusal, a client that sends too slowly has this long to read it before the connection is cut. */
const LAST_WORD_MS = 1_000;

/** A JSON body has to be there in time, however slowly it trickles in. Streamed ones are bounded by whether something moves. */
export function boundJsonBodies(app: App, timeoutSeconds: number): void {
  app.addHook('preParsing', (request, reply, payload, done) => {
    const { raw, method } = request;
    const isRead = method !== 'GET' && method !== 'HEAD' && request.routeOptions.config.streamsBody !== true;
    if (!isRead || raw.complete) {
      done(null, payload);
      return;
    }
    // One in between, so that the refusal does not take the connection away from its answer.
    const bounded = new PassThrough();
    const timer = setTimeout(() => {
      payload.unpipe(bounded);
      bounded.destroy(new AppError('bad_request', `The body did not arrive within ${timeoutSeconds} seconds.`));
      setTimeout(() => raw.socket.destroy(), LAST_WORD_MS).unref();
    }, timeoutSeconds * 1000);
    bounded.once('close', () => clearTimeout(timer));
    // A body that is given up before its end is never closed, and then its time does not count any more.
    reply.raw.once('close', () => clearTimeout(timer));
    // Whoever reads it listens too. Where nobody does any more, a failure is nobody's, and must not end the process.
    bounded.on('error', () => undefined);
    payload.on('error', (error) => bounded.destroy(error));
    done(null, payload.pipe(bounded));
  });
}
