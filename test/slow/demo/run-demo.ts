import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { z } from 'zod';

export const MAIN = join(import.meta.dirname, '..', '..', '..', 'scripts', 'demo', 'main.ts');
const LIMIT_MS = 180_000;

const reportSchema = z.object({
  summary: z.object({
    checks: z.int(),
    failed: z.int(),
    notShown: z.array(z.string()),
    failure: z.string().nullable(),
  }),
  failed: z.array(z.object({ claim: z.string(), expected: z.unknown(), observed: z.unknown() })),
});

interface DemoRun {
  exitCode: number | null;
  stdout: string;
  stderr: string;
  /** Undefined where it did not come to its end. */
  report: z.output<typeof reportSchema> | undefined;
}

/** Runs `npm run demo -- --json …` in an environment of its own. */
export function runDemo(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<DemoRun> {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...environment };
  const options = { env, timeout: LIMIT_MS, maxBuffer: 64 * 1024 ** 2 };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, '--json', ...args], options, (_error, stdout, stderr) => {
      const report = stdout === '' ? undefined : reportSchema.parse(JSON.parse(stdout));
      resolve({ exitCode: child.exitCode, stdout, stderr, report });
    });
  });
}

/** A demo that is told to a person, under way. */
interface StartedDemo {
  /** All that it printed so far. */
  printed(this: void): string;
  readonly exitCode: Promise<unknown>;
  interrupt(this: void): void;
}

/** Starts `npm run demo -- …` with its output in a pipe, as to a file. */
export function startDemo(args: readonly string[], environment: NodeJS.ProcessEnv): StartedDemo {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...environment };
  const child = spawn(process.execPath, [MAIN, ...args], {
    env,
    timeout: LIMIT_MS,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  return {
    printed: () => printed,
    exitCode: once(child, 'close').then(([code]: unknown[]) => code),
    interrupt: () => void child.kill('SIGINT'),
  };
}
