import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../scripts/bench/loopback.ts';
import type { CliResult } from '../../cli/support.ts';
import { type FaultProxy, startFaultProxy } from '../../support/fault-proxy.ts';
import { startTestServer, type TestServer } from '../../support/test-server.ts';
import { type CountingProxy, startCountingProxy } from './counting-proxy.ts';

const BIN = fileURLToPath(new URL('../../../bin/artifortress.js', import.meta.url));

/** A real server behind a proxy that can fail, and the command line as a process of its own. */
export interface RealWorld extends AsyncDisposable {
  readonly server: TestServer;
  readonly proxy: FaultProxy;
  start(args: readonly string[], options: StartOptions): StartedCli;
}

interface StartOptions {
  /** Its home and its working folder. */
  readonly folder: string;
  readonly variables?: Record<string, string>;
  readonly stdin?: Uint8Array;
  /** A command that runs the command which follows it as further words. */
  readonly within?: readonly string[];
}

export interface StartedCli {
  readonly child: ChildProcess;
  readonly result: Promise<CliResult>;
}

export const startRealWorld = (): Promise<RealWorld> => startWorld(startFaultProxy);

/** A real server behind a proxy that counts, and the command line as a process of its own. */
export interface CountedWorld extends AsyncDisposable {
  readonly server: TestServer;
  readonly proxy: CountingProxy;
  start(args: readonly string[], options: StartOptions): StartedCli;
}

export const startCountedWorld = (): Promise<CountedWorld> => startWorld(startCountingProxy);

/** The URLs of parts lead through the proxy too. */
async function startWorld<Proxy extends AsyncDisposable & { readonly url: string }>(
  startProxy: (target: string) => Promise<Proxy>,
) {
  const port = await freePort();
  const proxy = await startProxy(`http://127.0.0.1:${port}`);
  const server = await startTestServer({ settings: { port, publicUrl: proxy.url } });
  await server.createRepository('libs');
  return {
    server,
    proxy,
    start: (args: readonly string[], options: StartOptions) =>
      startCommand(args, proxy.url, server.adminToken, options),
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await server.close();
    },
  };
}

function startCommand(
  args: readonly string[],
  url: string,
  token: string,
  { folder, variables, stdin, within = [] }: StartOptions,
): StartedCli {
  const [program = '', ...words] = [...within, ...commandOf(args)];
  const child = spawn(program, words, {
    cwd: folder,
    env: { ...environmentOf(url, token, folder), ...variables },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end(stdin ?? '');
  const ended = once(child, 'exit');
  const result = Promise.all([ended, buffer(child.stdout), text(child.stderr)]).then(
    ([[code, signal], stdout, stderr]) => ({
      code: typeof code === 'number' ? code : -1,
      signal,
      stdout,
      stderr,
    }),
  );
  return { child, result };
}

/** The command line as a shell would be given it. */
export function commandOf(args: readonly string[]): string[] {
  return [process.execPath, BIN, ...args];
}

/** The environment of a command that is at home in `folder` and talks to this world. */
export function variablesOf({ server, proxy }: RealWorld, folder: string): Record<string, string> {
  return environmentOf(proxy.url, server.adminToken, folder);
}

function environmentOf(url: string, token: string, folder: string): Record<string, string> {
  const { PATH = '' } = process.env;
  return {
    PATH,
    HOME: folder,
    NODE_DISABLE_COMPILE_CACHE: '1',
    ARTIFORTRESS_URL: url,
    ARTIFORTRESS_TOKEN: token,
  };
}
