import { randomBytes } from 'node:crypto';
import { newTokenSecret, ROLES, type Role } from '../../../src/access/model.ts';
import type { TestServer } from '../../support/test-server.ts';
import { bind, issued, tokenIdOf, unbind } from '../tokens.ts';
import { REPOS } from './repositories.ts';

interface Grant {
  repo: string;
  role: Role;
}

/** Somebody who sends requests, and what the contract says of them: nothing here is asked of the server. */
export interface Principal {
  /** Heads a column of the report. */
  name: string;
  what: string;
  headers: Record<string, string>;
  /** Whether a token comes with the request, and is good at this moment. */
  token: 'none' | 'refused' | 'good';
  /** Whose token it is. */
  subject: string;
  /** What a good token may do now. */
  grants: readonly Grant[];
  bootstrap?: 'right' | 'wrong';
  isMetricsToken?: true;
}

export const METRICS_TOKEN = `metrics-${randomBytes(16).toString('hex')}`;
const EXPIRED_AFTER_SECONDS = 301;

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const formatGrant = ({ repo, role }: Grant) => `repo:${repo}:${role}`;

/** Tokens on repositories that are deleted afterwards. */
export interface FormerTokens {
  /** Of the key that was deleted and made again. */
  asked: string;
  deleted: string;
}

/** Makes everybody who asks. Moves the clock ahead, so that one of the tokens expires. */
export async function createPrincipals(server: TestServer, former: FormerTokens): Promise<Principal[]> {
  return [
    ...(await refusedOnes(server)),
    ...secretsOfOtherKinds(server),
    ...(await withEachRoleOn(server, REPOS.other)),
    ...(await voidedOnes(server, former)),
    ...(await withEachRoleOn(server, REPOS.asked)),
    ...(await followingBindings(server)),
    ...(await withEachRoleOn(server, '*')),
  ];
}

async function refusedOnes(server: TestServer): Promise<Principal[]> {
  const expired = await server.issueToken('late', ['repo:*:admin'], 5);
  server.clock.advance({ seconds: EXPIRED_AFTER_SECONDS });
  const revoked = await server.issueToken('fired', ['repo:*:admin']);
  const parent = await server.issueToken('cut', ['repo:apps:admin']);
  const orphan = await issued(server, { subject: 'cut', scopes: ['repo:apps:admin'] }, parent);
  for (const token of [revoked, parent]) {
    await server.request('POST', '/v1/auth/pats/revoke', { json: { tokenId: await tokenIdOf(server, token) } });
  }
  const basic = Buffer.from(`token:${server.adminToken}`).toString('base64');
  const refused = (name: string, what: string, headers: Record<string, string>): Principal => ({
    name,
    what,
    headers,
    token: 'refused',
    subject: '',
    grants: [],
  });
  return [
    { ...refused('none', 'no `Authorization` at all', {}), token: 'none' },
    refused('garbage', 'a text that can be no token', bearer('garbage')),
    refused('unknown', 'a well-formed token that was never issued', bearer(newTokenSecret(randomBytes))),
    refused('expired', 'an expired token with `repo:*:admin`', bearer(expired)),
    refused('revoked', 'a revoked token with `repo:*:admin`', bearer(revoked)),
    refused('orphan', 'a token narrowed from one that was revoked since', bearer(orphan)),
    refused('Basic', 'a good token with `repo:*:admin`, by the scheme `Basic`', { authorization: `Basic ${basic}` }),
    refused('bare', 'the same token without a scheme', { authorization: server.adminToken }),
  ];
}

function secretsOfOtherKinds(server: TestServer): Principal[] {
  const nobody = { subject: '', grants: [] };
  return [
    {
      ...nobody,
      name: 'bootstrap',
      what: 'the bootstrap secret, and no token',
      headers: { 'x-bootstrap-token': server.bootstrapToken },
      token: 'none',
      bootstrap: 'right',
    },
    {
      name: 'bad boot',
      what: 'a wrong bootstrap secret beside a good token with `repo:*:admin`',
      headers: { 'x-bootstrap-token': 'wrong-wrong-wrong', ...bearer(server.adminToken) },
      token: 'good',
      subject: 'root',
      grants: [{ repo: '*', role: 'admin' }],
      bootstrap: 'wrong',
    },
    {
      ...nobody,
      name: 'metrics',
      what: 'the token of `ARTIFORTRESS_METRICS_TOKEN`',
      headers: bearer(METRICS_TOKEN),
      token: 'refused',
      isMetricsToken: true,
    },
  ];
}

/** One token for each role, on the repository or on all of them. */
async function withEachRoleOn(server: TestServer, repo: string): Promise<Principal[]> {
  return await Promise.all(
    ROLES.map(async (role) => {
      const subject = `${role}-on-${repo === '*' ? 'all' : repo}`;
      const grants = [{ repo, role }];
      const token = await server.issueToken(subject, grants.map(formatGrant));
      return good(`${repo === REPOS.asked ? '' : repo} ${role}`.trim(), subject, token, grants);
    }),
  );
}

/** Good tokens whose rights are gone. */
async function voidedOnes(server: TestServer, former: FormerTokens): Promise<Principal[]> {
  await bind(server, REPOS.asked, 'unbound', ['admin']);
  const unbound = await server.issueToken('unbound', []);
  await unbind(server, REPOS.asked, 'unbound');
  return [
    { ...good('unbound', 'unbound', unbound, []), what: 'a token from a binding as `admin` that was removed since' },
    {
      ...good('former', 'former', former.asked, []),
      what: `\`repo:${REPOS.asked}:admin\`, issued before \`${REPOS.asked}\` was deleted and made again`,
    },
    {
      ...good('gone admin', 'gone-admin', former.deleted, []),
      what: `\`repo:${REPOS.deleted}:admin\`, issued before \`${REPOS.deleted}\` was deleted`,
    },
  ];
}

/** Tokens whose rights follow bindings that are there. */
async function followingBindings(server: TestServer): Promise<Principal[]> {
  await bind(server, REPOS.asked, 'bound', ['write']);
  await bind(server, REPOS.asked, 'capped', ['admin']);
  const bound = await server.issueToken('bound', []);
  const uncapped = await server.issueToken('capped', []);
  const capped = await issued(server, { subject: 'capped', scopes: [`repo:${REPOS.asked}:read`] }, uncapped);
  return [
    {
      ...good('bound', 'bound', bound, [{ repo: REPOS.asked, role: 'write' }]),
      what: `a token from a binding as \`write\` on \`${REPOS.asked}\``,
    },
    {
      ...good('capped', 'capped', capped, [{ repo: REPOS.asked, role: 'read' }]),
      what: `a token from a binding as \`admin\` on \`${REPOS.asked}\`, narrowed to \`read\``,
    },
  ];
}

function good(name: string, subject: string, token: string, grants: Grant[]): Principal {
  const what = grants.map((grant) => `\`${formatGrant(grant)}\``).join(', ');
  return { name, what, headers: bearer(token), token: 'good', subject, grants };
}
