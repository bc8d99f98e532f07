import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { z } from 'zod';
import { findProgram } from '../../../scripts/bench/programs.ts';
import { examplesOf, isAsPromised, typeInOrder } from '../../docs/examples.ts';
import { type ComposeProject, startComposeProject } from './compose-project.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..', '..');
const MIB = 1024 ** 2;

const reason =
  inject('s3Servers') === null
    ? 'there is no S3 server'
    : process.platform !== 'linux'
      ? 'only Linux has all of 127.0.0.0/8'
      : findProgram('nginx') === null
        ? 'there is no nginx'
        : null;
if (reason !== null) {
  if (process.env.CI === 'true') throw new Error(`the Compose project must be tested in CI, but ${reason}`);
  process.stderr.write(`\n*** THE COMPOSE PROJECT IS NOT TESTED: ${reason}.\n\n`);
}

describe.skipIf(reason !== null)('what the Compose file describes', () => {
  let project: ComposeProject;
  let folder: string;
  let token = '';

  beforeAll(async () => {
    project = await startComposeProject();
    folder = await mkdtemp(join(tmpdir(), 'artifortress-quick-start-'));
    // npx itself is tested as a newcomer does (test/e2e); here it would only take its time.
    const npx = `#!/bin/sh\nshift\nexec '${process.execPath}' '${join(REPOSITORY, 'bin', 'artifortress.js')}' "$@"\n`;
    await writeFile(join(folder, 'npx'), npx, { mode: 0o755 });
  });

  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const request = (path: string, options: Omit<RequestInit, 'headers'> = {}, headers: Record<string, string> = {}) =>
    fetch(`${project.url}${path}`, { ...options, headers: { authorization: `Bearer ${token}`, ...headers } });

  async function put(bytes: Buffer): Promise<Response> {
    const digest = createHash('sha256').update(bytes).digest('hex');
    return await request(`/v1/repos/app/blobs/${digest}`, { method: 'PUT', body: new Uint8Array(bytes) });
  }

  test('the bucket is made once, and the step may run again', () => {
    expect(project.bucketOutputs).toEqual(['The bucket artifortress is made.', 'The bucket artifortress is there.']);
  });

  test('the quick start can be typed against it, and prints what it says', async () => {
    const examples = await examplesOf('quick-start.md');
    const { HOME, PATH } = process.env;
    const typed = await typeInOrder(examples, folder, {
      HOME,
      PATH: `${folder}:${PATH}`,
      ARTIFORTRESS_URL: project.url,
      ARTIFORTRESS_BOOTSTRAP_TOKEN: project.bootstrapToken,
    });
    expect(typed.code, typed.errors).toBe(0);
    for (const [index, { output }] of examples.entries())
      if (output !== undefined)
        expect([isAsPromised(output, typed.outputs[index] ?? ''), typed.outputs[index]]).toEqual([
          true,
          expect.anything(),
        ]);
  });

  test('an artifact passes the proxy whole, without a limit on its size', async () => {
    const issued = await request(
      '/v1/auth/pats',
      { method: 'POST', body: JSON.stringify({ subject: 'me', scopes: ['repo:*:admin'], ttlMinutes: 60 }) },
      { 'x-bootstrap-token': project.bootstrapToken, 'content-type': 'application/json' },
    );
    token = z.object({ token: z.string() }).parse(await issued.json()).token;
    const bytes = randomBytes(64 * MIB);
    const stored = await put(bytes);
    expect(stored.status).toBe(201);
    const { digest } = z.object({ digest: z.string() }).parse(await stored.json());
    const got = await request(`/v1/repos/app/blobs/${digest}`);
    expect(Buffer.from(await got.arrayBuffer()).equals(bytes)).toBe(true);
  });

  test('with one of the two servers stopped everything goes on', async () => {
    const [first] = project.servers;
    first?.process.kill('SIGTERM');
    await first?.ended;
    const replies = await Promise.all(Array.from({ length: 12 }, () => put(randomBytes(1000))));
    expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 201));
  });
});
