import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { z } from 'zod';

const MAIN = join(import.meta.dirname, '..', '..', '..', 'scripts', 'demo', 'main.ts');
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
