import { randomBytes } from 'node:crypto';
import { DemoFailure } from '../failure.ts';
import { type Actor, NOBODY, type Stage } from '../stage.ts';
import type { Tidying } from './tidying.ts';
import { makeArtifact, type World } from './world.ts';

const TTL_MINUTES = 60;

/** An installation, an administrator, two repositories, and a token for each role. */
export async function introduce(stage: Stage, tidying: Tidying): Promise<World> {
  await stage.chapter('Who may: a token for each role');
  stage.say('A server, its version, and whether what it depends on is there.');
  const about = await stage.send(NOBODY, 'GET', '/');
  stage.check('it says what it is', [about.status, about.at('service')], [200, 'artifortress']);
  const ready = await stage.send(NOBODY, 'GET', '/health/ready');
  stage.check('database and object store are up', [ready.status, ready.at('status')], [200, 'ready']);

  const suffix = randomBytes(3).toString('hex');
  const admin = await becomeAdmin(stage, tidying, `demo-admin-${suffix}`);
  const [repoKey, otherKey] = [`demo-${suffix}`, `demo-${suffix}-other`];
  stage.say('Artifacts live in repositories. Two of them: the second belongs to somebody who may not see the first.');
  for (const key of [repoKey, otherKey]) {
    const created = await stage.send(admin, 'POST', '/v1/repos', { json: { repoKey: key, repoType: 'local' } });
    if (created.status === 201) tidying.madeRepository(admin, key);
    stage.check(
      `${key} is there, and Location says where`,
      [created.status, created.header('location')?.endsWith(`/v1/repos/${key}`)],
      [201, true],
    );
  }

  stage.say(
    'A token carries scopes, each a repository and a role. Its secret is shown this once; the server keeps only a hash of it.',
  );
  const issue = async (subject: string, scope: string): Promise<Actor> => {
    const issued = await stage.send(admin, 'POST', '/v1/auth/pats', {
      json: { subject: `${subject}-${suffix}`, scopes: [scope], ttlMinutes: TTL_MINUTES },
    });
    const actor = actorOf(issued.text('subject'), issued.text('token'), issued.text('tokenId'));
    tidying.issuedToken(actor);
    stage.check(`${actor.subject} may ${scope.split(':').at(-1)} and nothing else`, issued.at('scopes'), [scope]);
    return actor;
  };
  const writer = await issue('demo-writer', `repo:${repoKey}:write`);
  const reader = await issue('demo-reader', `repo:${repoKey}:read`);
  const stranger = await issue('demo-stranger', `repo:${otherKey}:write`);
  return { repoKey, otherKey, admin, writer, reader, stranger, artifact: makeArtifact() };
}

async function becomeAdmin(stage: Stage, tidying: Tidying, subject: string): Promise<Actor> {
  const { bootstrapToken, adminToken } = stage.installation;
  if (bootstrapToken === undefined) {
    stage.say('The administrator is whoever the given token belongs to.');
    const given = actorOf('', adminToken ?? '', '');
    const me = await stage.send(given, 'GET', '/v1/auth/whoami');
    const scopes = me.at('scopes');
    if (!Array.isArray(scopes) || !scopes.includes('repo:*:admin')) {
      throw new DemoFailure('the token in ARTIFORTRESS_TOKEN is not accepted, or lacks the scope repo:*:admin.');
    }
    return { ...given, subject: me.text('subject'), tokenId: me.text('tokenId') };
  }
  stage.say('The first token of all comes from the bootstrap secret, which a fresh installation prints once.');
  const issued = await stage.send(NOBODY, 'POST', '/v1/auth/pats', {
    json: { subject, scopes: ['repo:*:admin'], ttlMinutes: TTL_MINUTES },
    headers: { 'X-Bootstrap-Token': bootstrapToken },
  });
  if (issued.status !== 200)
    throw new DemoFailure('the bootstrap secret in ARTIFORTRESS_BOOTSTRAP_TOKEN is not accepted.');
  const actor = actorOf(issued.text('subject'), issued.text('token'), issued.text('tokenId'));
  tidying.issuedToken(actor);
  stage.check('an administrator of every repository', issued.at('scopes'), ['repo:*:admin']);
  return actor;
}

function actorOf(subject: string, token: string, tokenId: string): Actor {
  return { subject, token, tokenId };
}
