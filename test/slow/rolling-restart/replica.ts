import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { SETTING_NAMES, SETTINGS, type Settings } from '../../../src/kernel/settings.ts';

const BIN = fileURLToPath(new URL('../../../bin/artifortress.js', import.meta.url));
const WAIT_EVERY_MS = 50;

/** The product as it is started in production, in a process of its own. */
export interface Replica {
  url: string;
  /** Sends a signal. */
  signal(name: NodeJS.Signals): void;
  /** Resolves with its exit code once it has ended. */
  exited: Promise<number | null>;
  /** The phases of its stop so far, in the order in which its log names them. */
  phases(): string[];
}

/** Starts `artifortress serve` with these settings, on a free port, and waits until it is ready. */
export async function startReplica(settings: Settings): Promise<Replica> {
  const child = spawn(process.execPath, [BIN, 'serve'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inheritedEnvironment(), ...environmentOf({ ...settings, port: 0, logLevel: 'info' }) },
  });
  const exited = once(child, 'exit').then(([code]: (number | null)[]) => code ?? null);
  const phases: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    const phase = /"phase":"(\w+)"/.exec(line)?.[1];
    if (phase !== undefined) phases.push(phase);
    else if (!line.startsWith('{')) process.stderr.write(`${line}\n`);
  });
  const url = await addressOf(child, exited);
  while (!(await isReady(url))) await new Promise((resolve) => setTimeout(resolve, WAIT_EVERY_MS));
  return { url, exited, phases: () => phases, signal: (name) => void child.kill(name) };
}

async function addressOf(child: ChildProcess, exited: Promise<number | null>): Promise<string> {
  const found = new Promise<string>((resolve) => {
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [address] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? [];
      if (address !== undefined) resolve(address);
    });
  });
  const ended = exited.then((code): never => {
    throw new Error(`a replica ended with ${code} before it listened`);
  });
  return await Promise.race([found, ended]);
}

async function isReady(url: string): Promise<boolean> {
  return await fetch(`${url}/health/ready`).then(
    (answer) => answer.ok,
    () => false,
  );
}

function inheritedEnvironment(): Record<string, string | undefined> {
  const { PATH, HOME, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env;
  return { PATH, HOME, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY };
}

/** The settings as an operator would write them. */
function environmentOf(settings: Settings): Record<string, string> {
  const entries = SETTING_NAMES.flatMap((name): [string, string][] => {
    const value = settings[name];
    return value === undefined ? [] : [[SETTINGS[name].env, String(value)]];
  });
  return Object.fromEntries(entries);
}
