import { rowsOf } from '../../blobs/support.ts';
import type { Reply, RequestOptions, TestServer } from '../../support/test-server.ts';

/** Whatever was issued or sent and must be found nowhere, and whatever came back. */
export interface SecretsRecord {
  secrets: Set<string>;
  /** Everything that was answered, less the secrets that an answer is there to give. */
  answers: { request: string; text: string }[];
}

/** A server whose every request is kept, with the secrets in it and in its answer. */
export function recordSecrets<Server extends TestServer>(server: Server): Server & SecretsRecord {
  const secrets = new Set([server.adminToken, server.bootstrapToken]);
  const answers: SecretsRecord['answers'] = [];
  const request = async (method: string, path: string, options: RequestOptions = {}): Promise<Reply> => {
    for (const secret of secretsSent(path, options)) secrets.add(secret);
    const reply = await server.request(method, path, options);
    const issued = secretsIssued(reply);
    for (const secret of issued) secrets.add(secret);
    const head = [...reply.headers].map(([name, value]) => `${name}: ${value}\n`).join('');
    const body = issued.reduce((text, secret) => text.replaceAll(secret, '<issued>'), reply.bytes.toString('latin1'));
    answers.push({ request: `${method} ${path}`, text: head + body });
    return reply;
  };
  return {
    ...server,
    secrets,
    answers,
    request,
    // The server's own is not sent through `request`.
    async issueToken(subject, scopes, ttlMinutes = 60) {
      const headers = { 'x-bootstrap-token': server.bootstrapToken };
      const json = { subject, scopes, ttlMinutes };
      const reply = await request('POST', '/v1/auth/pats', { token: null, headers, json });
      return String(reply.json.token);
    },
  };
}

/** Shorter texts are no secrets, and turn up by chance. */
const SHORTEST_SECRET = 12;

function secretsSent(path: string, { token, headers = {}, json }: RequestOptions): string[] {
  const signature = /[?&]signature=([^&]+)/.exec(path)?.[1];
  const credentials = [headers.authorization, headers['x-bootstrap-token']];
  const jwt = typeof json === 'object' && json !== null && 'token' in json ? String(json.token) : undefined;
  const sent = [token, signature, jwt, ...credentials.map((value) => value?.replace(/^\w+ /, ''))];
  return sent.filter((text) => typeof text === 'string').filter((text) => text.length >= SHORTEST_SECRET);
}

function secretsIssued({ json }: Reply): string[] {
  const token: unknown = json?.token;
  const urls: unknown[] = [json?.uploadUrl];
  const signatures = urls.map((url) => /signature=([^&]+)/.exec(String(url))?.[1]);
  return [token, ...signatures].filter((text) => typeof text === 'string');
}

/** What a secret of ours looks like: also one that was made and never came out. */
const OUR_FORM = /aft(?:boot)?_[\w-]{43,}/g;

/** Finds secrets in texts: as they are, in another case, or in hex, as bytes are shown; and whatever looks like one of ours. */
export function createSearch(secrets: ReadonlySet<string>): (text: string) => string[] {
  const forms = [...secrets].map((secret) => ({
    secret,
    lowered: secret.toLowerCase(),
    hex: Buffer.from(secret).toString('hex'),
  }));
  return (text) => {
    const lowered = text.toLowerCase();
    const known = forms.filter((form) => lowered.includes(form.lowered) || lowered.includes(form.hex));
    return [...new Set([...known.map((form) => form.secret), ...(text.match(OUR_FORM) ?? [])])];
  };
}

/** Every row of every table, as text. */
export async function everyRow(server: TestServer): Promise<{ table: string; text: string }[]> {
  const tables = await rowsOf<{ table: string }>(
    server,
    `select table_name as table from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`,
  );
  const rows = tables.map(async ({ table }) => {
    const found = await rowsOf<{ text: string }>(server, `select to_jsonb(t)::text as text from "${table}" t`);
    return found.map(({ text }) => ({ table, text }));
  });
  return (await Promise.all(rows)).flat();
}
