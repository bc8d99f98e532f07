import type { FastifyRequest } from 'fastify';
import type { Tracer } from '../kernel/tracer.ts';
import type { App } from './app.ts';

/**
 * Puts each request into a span, inside of the client's where it sends one. To stand before every other hook that takes time. The span
 * knows the route and the request's id, and nothing of paths, queries, tokens and subjects.
 */
export function traceRequests(app: App, tracer: Tracer): void {
  app.decorateRequest('span', null);
  if (!tracer.isOn) return;
  app.addHook('onRequest', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    const name = `${request.method} ${route}`;
    const attributes = {
      'http.request.method': request.method,
      'http.route': route,
      'artifortress.request_id': request.id,
    };
    const span = tracer.request(name, attributes, {
      traceparent: single(request, 'traceparent'),
      tracestate: single(request, 'tracestate'),
    });
    request.span = span;
    reply.raw.once('close', () => span.end(reply.raw.writableFinished ? reply.raw.statusCode : null));
    span.within(done);
  });
}

function single(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}
