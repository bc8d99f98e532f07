import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { DemoFailure } from './failure.ts';
import { PROGRAM } from './run-command.ts';

/** What the demo is played against. */
export interface Installation {
  url: URL;
  /** Either lets the demo issue its tokens. */
  bootstrapToken: string | undefined;
  adminToken: string | undefined;
  /** Starts the demo's own server again on the same data, with other settings; undefined for somebody else's. */
  restart: ((settings: Readonly<Record<string, string>>) => Promise<void>) | undefined;
  stop(): Promise<void>;
}

/** An installation that is there already. @throws DemoFailure without a secret to begin with. */
export function given(url: URL): Installation {
  const { ARTIFORTRESS_BOOTSTRAP_TOKEN: bootstrapToken, ARTIFORTRESS_TOKEN: adminToken } = process.env;
  if (!bootstrapToken && !adminToken) {
    throw new DemoFailure(
      `To play against ${url.origin}, set ARTIFORTRESS_BOOTSTRAP_TOKEN to its bootstrap secret, or ARTIFORTRESS_TOKEN to a token with repo:*:admin.`,
    );
  }
  return {
    url,
    bootstrapToken: bootstrapToken || undefined,
    adminToken: adminToken || undefined,
    restart: undefined,
    stop: async () => undefined,
  };
}

const READY_WITHIN_MS = 60_000;
const STOPPED_WITHIN_MS = 30_000;

/** Seals the trail and looks for overdue sessions each second, so that nobody has to wait long. */
const SETTINGS = { HOST: '127.0.0.1', PORT: '0', ARTIFORTRESS_WORKER_INTERVAL_SECONDS: '1' };

/** Starts a server as `npm start` does, with its data in this folder. */
export async function startOwn(folder: string): Promise<Installation> {
  const settings = { ...SETTINGS, ARTIFORTRESS_DATA_DIR: join(folder, 'data') };
  let server = await startServer(settings);
  const url = new URL(server.url);
  return {
    url,
    bootstrapToken: server.bootstrapToken,
    adminToken: undefined,
    async restart(others) {
      await stopServer(server.process);
      server = await startServer({ ...settings, PORT: url.port, ...others });
    },
    stop: () => stopServer(server.process),
  };
}

interface Started {
  process: ChildProcess;
  url: string;
  bootstrapToken: string | undefined;
}

async function startServer(settings: Readonly<Record<string, string>>): Promise<Started> {
  const child = spawn(process.execPath, [PROGRAM, 'serve'], {
    // In a session of its own: Ctrl-C is for the demo, which then stops it. Over the channel it ends with the demo in any case.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ARTIFORTRESS_WRAPPER_LIFE_LINE: '1', ...settings },
  });
  let printed = '';
  let complaints = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    complaints = `${complaints}${chunk.toString()}`.slice(-4000);
  });
  const ended = once(child, 'exit').then(() => 'ended' as const);
  const ready = new Promise<'ready'>((resolve) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      if (/is ready on \S+\n/.test(printed)) resolve('ready');
    });
  });
  const late = new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), READY_WITHIN_MS).unref());
  const outcome = await Promise.race([ready, ended, late]);
  const url = /is ready on (\S+)/.exec(printed)?.[1];
  if (outcome !== 'ready' || url === undefined) {
    child.kill('SIGKILL');
    throw new DemoFailure(`The demo's own server did not start. It said: ${complaints.trim() || 'nothing'}`);
  }
  return { process: child, url, bootstrapToken: /^ {2}(aftboot_\S+)$/m.exec(printed)?.[1] };
}

async function stopServer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), STOPPED_WITHIN_MS);
  await ended;
  clearTimeout(force);
}
