import { isDeepStrictEqual } from 'node:util';
import { exchange, type Header } from './exchange.ts';
import type { Installation } from './installation.ts';
import type { Masks } from './masks.ts';
import type { Check, CommandRun, Narrator, Summary } from './narrator.ts';
import { type Reply, replyOf } from './reply.ts';
import { runCommand } from './run-command.ts';

/** Who sends a request. */
export interface Actor {
  /** As the trail names them. */
  subject: string;
  /** Null for somebody without one. */
  token: string | null;
  tokenId: string | null;
}

export const NOBODY: Actor = { subject: 'anonymous', token: null, tokenId: null };

interface SendOptions {
  json?: unknown;
  body?: Buffer;
  headers?: Readonly<Record<string, string>>;
}

/** Where the story happens: it acts, and every act is shown; it observes, and every observation is checked. */
export interface Stage {
  installation: Installation;
  masks: Masks;
  /** A folder for files, which goes with the demo. */
  folder: string;
  waitSeconds: number;
  /** Aborts where the person who watches has had enough: from then on nothing is sent but what cleans up. */
  signal: AbortSignal;
  /** What comes now is done in any case. */
  lastChapter(title: string): Promise<void>;
  chapter(title: string): Promise<void>;
  say(text: string): void;
  /** One request. `target` is a path, or an absolute URL as the server gave it. */
  send(actor: Actor, method: string, target: string, options?: SendOptions): Promise<Reply>;
  /** Sends it, without showing it, until `isDone`; then shows the last exchange. */
  poll(actor: Actor, target: string, isDone: (reply: Reply) => boolean): Promise<Reply>;
  /** Runs `artifortress …` in the folder, where it reaches no server. */
  run(...args: string[]): Promise<CommandRun>;
  check(claim: string, observed: unknown, expected: unknown): void;
  notShown(what: string, why: string): void;
  summary(failure: string | undefined): Summary;
}

const POLL_EVERY_MS = 250;
const POLL_LIMIT_MS = 60_000;

export function createStage(
  given: Pick<Stage, 'installation' | 'masks' | 'folder' | 'waitSeconds' | 'signal'>,
  narrator: Narrator,
): Stage {
  const startedAt = performance.now();
  const checks: Check[] = [];
  const notShown: string[] = [];
  let isOver = false;

  const ask = (actor: Actor, method: string, target: string, options: SendOptions) => {
    if (!isOver) given.signal.throwIfAborted();
    const { json, headers } = options;
    const body = json === undefined ? options.body : Buffer.from(JSON.stringify(json));
    const sent: Header[] = [];
    if (actor.token !== null) sent.push(['Authorization', `Bearer ${actor.token}`]);
    if (json !== undefined) sent.push(['Content-Type', 'application/json']);
    sent.push(...Object.entries(headers ?? {}));
    return exchange({ method, url: new URL(target, given.installation.url), headers: sent, body });
  };

  return {
    ...given,
    async chapter(title) {
      await narrator.chapter(title);
      given.signal.throwIfAborted();
    },
    async lastChapter(title) {
      isOver = true;
      if (!given.signal.aborted) await narrator.chapter(title);
    },
    say: (text) => narrator.say(text),
    async send(actor, method, target, options = {}) {
      const seen = await ask(actor, method, target, options);
      const reply = replyOf(seen);
      // Before it is shown: the answer that issues a token holds it.
      if (typeof reply.at('token') === 'string') given.masks.add(reply.text('token'));
      narrator.exchange(seen, actor.subject);
      return reply;
    },
    async poll(actor, target, isDone) {
      const until = performance.now() + POLL_LIMIT_MS;
      for (;;) {
        const seen = await ask(actor, 'GET', target, {});
        const reply = replyOf(seen);
        if (isDone(reply) || performance.now() > until) {
          narrator.exchange(seen, actor.subject);
          return reply;
        }
        await new Promise((resolve) => setTimeout(resolve, POLL_EVERY_MS));
      }
    },
    async run(...args) {
      const done = await runCommand(given.folder, args);
      narrator.command(done);
      return done;
    },
    check(claim, observed, expected) {
      const check = { claim, holds: isDeepStrictEqual(observed, expected), expected, observed };
      checks.push(check);
      narrator.check(check);
    },
    notShown(what, why) {
      notShown.push(what);
      narrator.notShown(what, why);
    },
    summary: (failure) => ({
      checks: checks.length,
      failed: checks.filter(({ holds }) => !holds),
      notShown,
      failure,
      seconds: (performance.now() - startedAt) / 1000,
    }),
  };
}
