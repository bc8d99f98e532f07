import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Role } from '../access/model.ts';
import { assert } from '../kernel/errors.ts';
import type { RequestSpan } from '../kernel/tracer.ts';
import type { Caller } from '../services.ts';

/** The server, with request and response types read from the zod schemas of each route. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** What a route needs of its caller. Every route declares it; one that doesn't fails at start. */
export type Access =
  /** Nobody in particular. */
  | { kind: 'public' }
  /** A URL of ours with its signature, which the handler checks. */
  | { kind: 'signed_url' }
  /** A good token, whatever it allows; what more it needs depends on the body and is the handler's to judge. */
  | { kind: 'token' }
  /** As `token`, or the bootstrap secret. */
  | { kind: 'bootstrap_or_token' }
  /** The role on the repository of the path. */
  | { kind: 'repository'; role: Role }
  /** The role on at least one repository. */
  | { kind: 'somewhere'; role: Role }
  /** The role on `*`. */
  | { kind: 'everywhere'; role: Role }
  /** What the settings say about `/metrics`. */
  | { kind: 'metrics' };

export const access = {
  public: { kind: 'public' },
  signedUrl: { kind: 'signed_url' },
  token: { kind: 'token' },
  bootstrapOrToken: { kind: 'bootstrap_or_token' },
  metrics: { kind: 'metrics' },
  /** Reads as the contract's table does: `read` on the repository of the path. */
  repository: (role: Role) => ({ kind: 'repository', role }) as const,
  somewhere: (role: Role) => ({ kind: 'somewhere', role }) as const,
  everywhere: (role: Role) => ({ kind: 'everywhere', role }) as const,
} satisfies Record<string, Access | ((role: Role) => Access)>;

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
    /** Answered also while the server is overloaded: how it is must always be told. */
    alwaysAdmitted?: boolean;
    /** The handler reads the body as a stream, and itself says when it may be sent. */
    streamsBody?: boolean;
  }
  interface FastifyRequest {
    /** Who asks; null on routes that ask nobody. */
    caller: Caller | null;
    /** Of the trace that this request is in; null where nothing is traced. */
    span: RequestSpan | null;
    /** The client waits for "100 Continue" before it sends the body (RFC 9110 §10.1.1). */
    awaitsContinue: boolean;
  }
}

/** Who asks, on a route whose access needs a token. */
export function callerOf(request: Pick<FastifyRequest, 'caller'>): Caller {
  assert(request.caller !== null, 'a route that needs a token has a caller');
  return request.caller;
}
