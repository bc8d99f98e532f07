import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { App } from './app.ts';
import { sendContinue } from './streamed-body.ts';

/**
 * A client may wait for "100 Continue" before it sends its body: it gets it once it is known that the body is wanted. Routes that
 * stream say so themselves; for the others that is when they were let in.
 */
export function awaitContinue(app: App): void {
  const waiting = new WeakSet<IncomingMessage>();
  const server: Server = app.server;
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    waiting.add(request);
    server.emit('request', request, response);
  });
  // What else a client may expect is ignored (RFC 9110 §10.1.1 allows that), so that it gets an answer of ours.
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    server.emit('request', request, response);
  });
  app.addHook('onRequest', (request, _reply, done) => {
    request.awaitsContinue = waiting.has(request.raw);
    done();
  });
  app.addHook('preParsing', (request, reply, payload, done) => {
    if (request.routeOptions.config.streamsBody !== true) sendContinue(request, reply);
    done(null, payload);
  });
}
