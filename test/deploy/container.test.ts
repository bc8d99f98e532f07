import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { SETTING_NAMES, SETTINGS } from '../../src/kernel/settings.ts';
import { commandOf, pairsOf, stagesOf, textsOf } from './dockerfile.ts';

const DEPLOY = join(import.meta.dirname, '..', '..', 'deploy');
const read = (path: string) => readFile(join(DEPLOY, path), 'utf8');
const runtime = stagesOf(await read('Dockerfile')).at(-1);
const composeText = await read('compose/compose.yaml');
const compose = parse(composeText, { merge: true });
const SETTINGS_OF_THE_SERVER = new Set<string>(SETTING_NAMES.map((name) => SETTINGS[name].env));

describe('the image', () => {
  test('runs as a user that Kubernetes can see is not root', () => {
    expect(textsOf(runtime, 'USER')).toEqual(['10001:10001']);
  });

  test('starts its command without a shell, so that process 1 gets the stop signal', () => {
    expect(commandOf(textsOf(runtime, 'ENTRYPOINT')[0] ?? '')).toEqual(['node', '/app/bin/artifortress.js']);
    expect(commandOf(textsOf(runtime, 'CMD')[0] ?? '')).toEqual(['serve']);
    expect(textsOf(runtime, 'STOPSIGNAL')).toEqual(['SIGTERM']);
  });

  test('sets nothing that the server does not know, and no secret', () => {
    const { NODE_ENV, ...settings } = pairsOf(textsOf(runtime, 'ENV').join(' '));
    expect(NODE_ENV).toBe('production');
    expect(Object.keys(settings).filter((name) => !SETTINGS_OF_THE_SERVER.has(name))).toEqual([]);
    expect(settings.HOST).toBe('0.0.0.0');
  });

  test('is built from what the build needs alone: every other file is ignored', async () => {
    const lines = (await read('Dockerfile.dockerignore')).split('\n').filter((line) => !/^(#|$)/.test(line));
    expect(lines[0]).toBe('*');
    expect(lines.slice(1).filter((line) => !line.startsWith('!'))).toEqual([]);
  });

  test('has every file that the npm package names', async () => {
    const { files, man } = JSON.parse(await read('../package.json'));
    const lines = (await read('Dockerfile.dockerignore')).split('\n');
    // Made by the build.
    const needed = [...files, man].filter((file) => file !== 'dist');
    expect(needed.filter((file) => !lines.includes(`!${file}`))).toEqual([]);
  });
});

describe('the health check of the image', () => {
  async function checkAgainst(status: number | 'nobody'): Promise<number> {
    const server = createServer((request, reply) => {
      reply.statusCode = request.url === '/health/ready' ? Number(status) : 404;
      reply.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    if (status === 'nobody') await new Promise((resolve) => server.close(resolve));
    try {
      await promisify(execFile)(process.execPath, [join(DEPLOY, 'healthcheck.js')], { env: { PORT: String(port) } });
      return 0;
    } catch (error) {
      return error instanceof Error && 'code' in error ? Number(error.code) : -1;
    } finally {
      server.close();
    }
  }

  test.each([
    ['a ready server', 200, 0],
    ['one that is not ready', 503, 1],
    ['nobody there', 'nobody', 1],
  ] as const)('%s', async (_what, status, code) => {
    expect(await checkAgainst(status)).toBe(code);
  });
});

describe('the compose file', () => {
  const services: Record<string, { environment?: Record<string, unknown> }> = compose.services;

  test('sets nothing that the server does not know', () => {
    const set = ['server', 'worker'].flatMap((name) => Object.keys(services[name]?.environment ?? {}));
    expect(set.filter((name) => !SETTINGS_OF_THE_SERVER.has(name) && !name.startsWith('AWS_'))).toEqual([]);
  });

  test('asks for no variable that the example of its .env file does not name, and holds no secret itself', async () => {
    const example = await read('compose/.env.example');
    const named = new Set([...example.matchAll(/^#?([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name));
    const asked = new Set([...composeText.matchAll(/\$\{([A-Z][A-Z0-9_]+)/g)].map(([, name]) => name));
    expect(asked).toEqual(named);
    expect(example).not.toMatch(/^(?!#)\w+=.+$/m);
  });

  test('has one kind of process work by the clock, and two that serve', () => {
    expect(services.server).toMatchObject({ deploy: { replicas: 2 }, environment: { ARTIFORTRESS_WORKER: 'false' } });
    expect(services.worker).toMatchObject({ environment: { ARTIFORTRESS_WORKER: 'true' } });
  });

  test('gives the server longer to stop than its requests may take', () => {
    const grace = Number.parseInt(compose.services.server.stop_grace_period, 10);
    expect(grace).toBeGreaterThan(Number(SETTINGS.shutdownGraceSeconds.fallback));
  });

  test('the server runs without rights on a read-only root', () => {
    expect(services.server).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
  });
});
