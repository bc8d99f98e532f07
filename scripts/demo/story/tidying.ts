import { messageOf } from '../../../src/kernel/errors.ts';
import { DemoFailure } from '../failure.ts';
import type { Actor, Stage } from '../stage.ts';

/** Knows what the story made in the installation, and removes it. */
export interface Tidying {
  madeRepository(admin: Actor, repoKey: string): void;
  issuedToken(actor: Actor): void;
  /** @throws DemoFailure that names what may be left, once everything has been tried. */
  tidyUp(): Promise<void>;
}

export function createTidying(stage: Stage): Tidying {
  const repositories: { admin: Actor; repoKey: string }[] = [];
  const tokens: Actor[] = [];
  return {
    madeRepository: (admin, repoKey) => void repositories.push({ admin, repoKey }),
    issuedToken: (actor) => void tokens.push(actor),
    async tidyUp() {
      if (repositories.length === 0 && tokens.length === 0) return;
      await stage.lastChapter('Leave nothing behind');
      stage.say(
        'What the demo made it removes: its repositories, with which their sessions end and their blobs are condemned, and its tokens. The trail of all this stays, as it has to.',
      );
      const left: string[] = [];
      const attempt = async (what: string, remove: () => Promise<void>) => {
        try {
          await remove();
        } catch (error) {
          left.push(`${what} (${messageOf(error)})`);
        }
      };
      for (const { admin, repoKey } of repositories) {
        await attempt(`the repository ${repoKey}`, async () => {
          const deleted = await stage.send(admin, 'DELETE', `/v1/repos/${repoKey}`);
          stage.check(`${repoKey} is gone`, [deleted.status, deleted.at('status')], [200, 'deleted']);
        });
      }
      // The administrator's own, the first one, last.
      for (const actor of tokens.toReversed()) {
        await attempt(`the token ${actor.tokenId} of ${actor.subject}`, async () => {
          const revoked = await stage.send(actor, 'POST', '/v1/auth/pats/revoke', { json: { tokenId: actor.tokenId } });
          const isRevoked = revoked.status === 200 || revoked.status === 401;
          stage.check(`the token of ${actor.subject} is worth nothing any more`, isRevoked, true);
        });
      }
      if (left.length > 0) throw new DemoFailure(`some of what it made may be left: ${left.join('; ')}`);
    },
  };
}
