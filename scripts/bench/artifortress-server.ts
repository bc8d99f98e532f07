import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './child.ts';
import { Connection } from './http-connection.ts';
import { parseJson, textOf } from './json-fields.ts';
import { freePort } from './loopback.ts';
import { expectStatus } from './subject.ts';

/** One running server of ours, started as a user would. */
export interface ArtifortressServer {
  readonly child: Child;
  readonly port: number;
  /** From the start of the process to the first 200 of `/health/ready`. */
  readonly readyMs: number;
}

export const REPO_KEY = 'bench';

const BOOTSTRAP_TOKEN_BYTES = 32;
/** The longest life that the server grants by default: no run outlives it. */
const TOKEN_TTL_MINUTES = 1440;

/** Returns a fresh secret, as an operator would configure it. */
export function newBootstrapToken(): string {
  return randomBytes(BOOTSTRAP_TOKEN_BYTES).toString('hex');
}

/**
 * Starts `artifortress serve` on a data folder, new or used, and answers when it is ready. The bytes go to that folder too,
 * unless the environment names another store.
 */
export async function startArtifortress(
  stack: AsyncDisposableStack,
  folder: string,
  bootstrapToken: string,
  storeEnv: Readonly<Record<string, string>> = {},
): Promise<ArtifortressServer> {
  const port = await freePort();
  const child = startChild(stack, {
    name: 'artifortress',
    file: process.execPath,
    args: [fileURLToPath(new URL('../../bin/artifortress.js', import.meta.url)), 'serve'],
    folder,
    env: {
      PORT: String(port),
      HOST: '127.0.0.1',
      ARTIFORTRESS_DATA_DIR: folder,
      ARTIFORTRESS_BOOTSTRAP_TOKEN: bootstrapToken,
      ...storeEnv,
    },
  });
  const readyMs = await child.readyAfterMs(() => isReady(port));
  return { child, port, readyMs };
}

/** Issues an administrator's token and makes the repository that the workloads use; returns the token. */
export async function prepareRepository(port: number, bootstrapToken: string): Promise<string> {
  const connection = new Connection(port);
  try {
    const token = textOf(
      await postJson(connection, '/v1/auth/pats', 200, {
        headers: { 'X-Bootstrap-Token': bootstrapToken },
        content: { subject: 'bench', scopes: ['repo:*:admin'], ttlMinutes: TOKEN_TTL_MINUTES },
      }),
      'token',
    );
    await postJson(connection, '/v1/repos', 201, {
      headers: { Authorization: `Bearer ${token}` },
      content: { repoKey: REPO_KEY, repoType: 'local' },
    });
    return token;
  } finally {
    connection.close();
  }
}

async function postJson(
  connection: Connection,
  target: string,
  status: number,
  { headers, content }: { headers: Record<string, string>; content: object },
): Promise<unknown> {
  const bytes = Buffer.from(JSON.stringify(content));
  const reply = await connection.request({
    step: 'prepare',
    method: 'POST',
    target,
    headers: { ...headers, 'Content-Type': 'application/json' },
    body: { lengthBytes: bytes.length, chunks: [bytes] },
    take: 'text',
  });
  return parseJson(expectStatus(reply, status, `POST ${target}`).text);
}

async function isReady(port: number): Promise<boolean> {
  const connection = new Connection(port);
  try {
    const reply = await connection.request({ step: 'ready', method: 'GET', target: '/health/ready' });
    return reply.status === 200;
  } catch {
    return false;
  } finally {
    connection.close();
  }
}
