import type { Reply, TestServer } from '../support/test-server.ts';

export interface IssueBody {
  subject: string;
  scopes: string[];
  ttlMinutes?: number;
}

/** Asks for a token in the name of another one; the administrator's by default. */
export async function issue(server: TestServer, body: IssueBody, token?: string): Promise<Reply> {
  return await server.request('POST', '/v1/auth/pats', {
    json: { ttlMinutes: 30, ...body },
    ...(token === undefined ? {} : { token }),
  });
}

/** As {@link issue}, where the test is about something that comes later. @returns the secret. */
export async function issued(server: TestServer, body: IssueBody, token?: string): Promise<string> {
  const reply = await issue(server, body, token);
  if (reply.status !== 200) throw new Error(`no token: ${reply.status} ${reply.bytes.toString()}`);
  return String(reply.json.token);
}

/** What a token may do at this moment; undefined where it is refused. */
export async function scopesOf(server: TestServer, token: string): Promise<string[] | undefined> {
  const reply = await server.request('GET', '/v1/auth/whoami', { token });
  return reply.status === 200 ? reply.json.scopes : undefined;
}

export async function tokenIdOf(server: TestServer, token: string): Promise<string> {
  const reply = await server.request('GET', '/v1/auth/whoami', { token });
  return String(reply.json.tokenId);
}

export async function bind(server: TestServer, repoKey: string, subject: string, roles: string[]): Promise<Reply> {
  return await server.request('PUT', `/v1/repos/${repoKey}/bindings/${encodeURIComponent(subject)}`, {
    json: { roles },
  });
}

export async function unbind(server: TestServer, repoKey: string, subject: string): Promise<Reply> {
  return await server.request('DELETE', `/v1/repos/${repoKey}/bindings/${encodeURIComponent(subject)}`);
}
