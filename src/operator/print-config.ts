import { describeConfig, loadConfig } from '../kernel/config.ts';
import { StartupError } from '../kernel/errors.ts';

/** Prints the effective settings, secrets hidden, with where each came from. @returns the exit code: 1 where they are wrong. */
export async function printConfig({ json }: { json: boolean }): Promise<number> {
  try {
    const config = loadConfig(process.env);
    const lines = describeConfig(config);
    process.stdout.write(
      json ? `${JSON.stringify({ configFile: config.configFile ?? null, settings: lines }, null, 2)}\n` : table(lines),
    );
    return 0;
  } catch (error) {
    if (!(error instanceof StartupError)) throw error;
    process.stderr.write(`artifortress: ${error.message}\n`);
    return 1;
  }
}

function table(lines: ReturnType<typeof describeConfig>): string {
  const nameWidth = Math.max(...lines.map(({ name }) => name.length));
  return lines
    .map(
      ({ name, value, source, description }) =>
        `${name.padEnd(nameWidth)}  ${value ?? '(not set)'}  [${source}]\n${' '.repeat(nameWidth)}  ${description}\n`,
    )
    .join('');
}
