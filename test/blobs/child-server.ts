import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createTestDatabase } from '../support/test-database.ts';
import type { Reply, RequestOptions, TestServer } from '../support/test-server.ts';

const BIN = fileURLToPath(new URL('../../bin/artifortress.js', import.meta.url));

/** The product as a person starts it, in a process of its own whose memory can be measured. */
export interface ChildServer
  extends Pick<TestServer, 'url' | 'adminToken' | 'dataDirectory' | 'request'>,
    AsyncDisposable {
  /** What the process holds in memory now, in bytes. */
  residentBytes(): Promise<number>;
}

export async function startChildServer(): Promise<ChildServer> {
  const database = await createTestDatabase();
  const dataDirectory = await mkdtemp(path.join(tmpdir(), 'artifortress-child-'));
  const bootstrapToken = randomBytes(16).toString('hex');
  const child = spawn(process.execPath, [BIN, 'serve'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      PORT: '0',
      DATABASE_URL: database.url,
      ARTIFORTRESS_DATA_DIR: dataDirectory,
      ARTIFORTRESS_BOOTSTRAP_TOKEN: bootstrapToken,
      ARTIFORTRESS_LOG_LEVEL: 'fatal',
    },
  });
  const exited = once(child, 'exit');
  let url = '';
  for await (const line of createInterface({ input: child.stdout })) {
    url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0] ?? '';
    if (url !== '') break;
  }
  child.stdout.resume();
  while (!(await fetch(`${url}/health/ready`)).ok);

  const request = (method: string, target: string, options: RequestOptions = {}) =>
    send(new URL(target, url), method, { authorization: `Bearer ${adminToken}` }, options);
  const issued = await send(
    new URL('/v1/auth/pats', url),
    'POST',
    { 'x-bootstrap-token': bootstrapToken },
    { json: { subject: 'root', scopes: ['repo:*:admin'], ttlMinutes: 60 } },
  );
  const adminToken = String(issued.json.token);
  return {
    url,
    adminToken,
    dataDirectory,
    request,
    async residentBytes() {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await exited;
      await database.drop();
      await rm(dataDirectory, { recursive: true, force: true });
    },
  };
}

async function send(
  url: URL,
  method: string,
  credentials: Record<string, string>,
  { json }: RequestOptions,
): Promise<Reply> {
  const response = await fetch(url, {
    method,
    headers: { ...credentials, ...(json === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  return {
    status: response.status,
    headers: response.headers,
    json: isJson ? JSON.parse(bytes.toString()) : undefined,
    bytes,
  };
}
