import { PassThrough } from 'node:stream';
import { AppError } from '../kernel/errors.ts';
import type { App } from './app.ts';
import { refuseAmbiguousJson } from './strict-json.ts';

/** JSON bodies, of which an empty one counts as none. */
export function parseJsonBodies(app: App): void {
  app.removeAllContentTypeParsers();
  // Refuses "__proto__" and "constructor.prototype" too.
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    const text = body.toString();
    if (text === '') {
      done(null, undefined);
      return;
    }
    void parseJson(request, text, (error: Error | null, value: unknown) => {
      if (error !== null) done(error);
      else done(refusalOf(text), value);
    });
  });
}

function refusalOf(text: string): Error | null {
  try {
    refuseAmbiguousJson(text);
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** A JSON body has to be there in time, however slowly it trickles in. Streamed ones are bounded by whether something moves. */
export function boundJsonBodies(app: App, timeoutSeconds: number): void {
  app.addHook('preParsing', (request, _reply, payload, done) => {
    if (request.routeOptions.config.streamsBody === true || request.raw.complete) {
      done(null, payload);
      return;
    }
    // One in between, so that the refusal does not take the connection away from its answer.
    const bounded = new PassThrough();
    const timer = setTimeout(() => {
      payload.unpipe(bounded);
      bounded.destroy(new AppError('bad_request', `The body did not arrive within ${timeoutSeconds} seconds.`));
    }, timeoutSeconds * 1000);
    bounded.on('close', () => clearTimeout(timer));
    payload.on('error', (error) => bounded.destroy(error));
    done(null, payload.pipe(bounded));
  });
}
