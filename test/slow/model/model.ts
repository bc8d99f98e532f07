/**
 * What the contract says, in memory: repositories that hold contents, and sessions on their way. Contents are numbers; a session may be
 * sent another content than it declares. Every function leaves the model that it was given as it was.
 */
export const REPOSITORIES = 2;
export const CONTENTS = 3;

type State = 'initiated' | 'parts_uploading' | 'pending_commit' | 'committed' | 'aborted';

interface Session {
  repo: number;
  declared: number;
  sent: number | undefined;
  state: State;
  reason: string | undefined;
}

export interface Model {
  /** `repository/content` of everything that is held. */
  held: ReadonlySet<string>;
  sessions: ReadonlyMap<number, Session>;
}

export const EMPTY: Model = { held: new Set(), sessions: new Map() };

/** A session is named by the step that made it. */
export type Step =
  | { kind: 'create'; id: number; repo: number; content: number }
  | { kind: 'part'; session: number; content: number }
  | { kind: 'complete' | 'commit' | 'abort' | 'look'; session: number }
  | { kind: 'put'; repo: number; content: number; sent: number }
  | { kind: 'read' | 'delete'; repo: number; content: number }
  | { kind: 'expire' }
  | { kind: 'work' };

/** What is seen of an answer: `ok` or its status, and what the body says of the state. */
export interface Seen {
  status: number;
  state?: string | undefined;
  reason?: string | undefined;
  error?: string | undefined;
}

const OK: Seen = { status: 200 };
const CONFLICT: Seen = { status: 409, error: 'conflict' };
const MISMATCH: Seen = { status: 409, error: 'upload_verification_failed' };
const NOT_FOUND: Seen = { status: 404, error: 'not_found' };
const LIVE: readonly State[] = ['initiated', 'parts_uploading', 'pending_commit'];

export function apply(model: Model, step: Step): [Model, Seen] {
  switch (step.kind) {
    case 'create': {
      const isHeld = holds(model, step.content);
      const state = isHeld ? 'committed' : 'initiated';
      const session = { repo: step.repo, declared: step.content, sent: undefined, state, reason: undefined } as const;
      const made = withSession(model, step.id, session);
      return [isHeld ? withBlob(made, step.repo, step.content) : made, { status: isHeld ? 200 : 201, state }];
    }
    case 'put': {
      if (holds(model, step.content)) return [withBlob(model, step.repo, step.content), OK];
      return step.sent === step.content ? [withBlob(model, step.repo, step.content), OK] : [model, MISMATCH];
    }
    case 'read':
      return [model, model.held.has(`${step.repo}/${step.content}`) ? OK : NOT_FOUND];
    case 'delete': {
      const held = new Set(model.held);
      return held.delete(`${step.repo}/${step.content}`) ? [{ ...model, held }, OK] : [model, NOT_FOUND];
    }
    case 'expire': {
      const sessions = [...model.sessions].map(([id, session]): [number, Session] =>
        LIVE.includes(session.state) ? [id, { ...session, state: 'aborted', reason: 'expired' }] : [id, session],
      );
      return [{ ...model, sessions: new Map(sessions) }, OK];
    }
    case 'work':
      return [model, OK];
    case 'part':
    case 'complete':
    case 'commit':
    case 'abort':
    case 'look':
      return applyTo(model, step, model.sessions.get(step.session));
  }
}

function applyTo(model: Model, step: Extract<Step, { session: number }>, session: Session | undefined): [Model, Seen] {
  if (session === undefined) return [model, NOT_FOUND];
  const { state } = session;
  const become = (change: Partial<Session>): Model => withSession(model, step.session, { ...session, ...change });
  switch (step.kind) {
    case 'part': {
      const allowed = state === 'initiated' || state === 'parts_uploading';
      const next = { state: 'parts_uploading', sent: step.content } as const;
      return allowed ? [become(next), { status: 200, state: next.state }] : [model, CONFLICT];
    }
    case 'complete': {
      const allowed = state === 'pending_commit' || (state === 'parts_uploading' && session.sent !== undefined);
      return allowed
        ? [become({ state: 'pending_commit' }), { status: 200, state: 'pending_commit' }]
        : [model, CONFLICT];
    }
    case 'commit': {
      if (state === 'committed') return [model, { status: 200, state }];
      if (session.reason === 'digest_mismatch') return [model, MISMATCH];
      if (state !== 'pending_commit') return [model, CONFLICT];
      if (session.sent !== session.declared) return [become({ state: 'aborted', reason: 'digest_mismatch' }), MISMATCH];
      return [
        withBlob(become({ state: 'committed' }), session.repo, session.declared),
        { status: 200, state: 'committed' },
      ];
    }
    case 'abort': {
      if (state === 'committed') return [model, CONFLICT];
      const reason = session.reason ?? 'client_abort';
      return [become({ state: 'aborted', reason }), { status: 200, state: 'aborted', reason }];
    }
    case 'look':
      return [model, { status: 200, state, ...(session.reason === undefined ? {} : { reason: session.reason }) }];
  }
}

/** Whether any repository holds it: the clients of the model may read all. */
function holds(model: Model, content: number): boolean {
  return [...model.held].some((name) => name.endsWith(`/${content}`));
}

function withSession(model: Model, id: number, session: Session): Model {
  return { ...model, sessions: new Map([...model.sessions, [id, session]]) };
}

function withBlob(model: Model, repo: number, content: number): Model {
  return { ...model, held: new Set([...model.held, `${repo}/${content}`]) };
}
