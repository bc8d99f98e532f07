import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const ROOT = path.join(import.meta.dirname, '../..');

test('npm run sbom prints a CycloneDX list of what runs, with everything that the product depends on, and no tool of its tests', () => {
  const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const bom = JSON.parse(execFileSync('npm', ['run', '--silent', 'sbom'], { cwd: ROOT, encoding: 'utf8' }));
  expect(bom).toMatchObject({
    bomFormat: 'CycloneDX',
    specVersion: expect.stringMatching(/^1\.\d$/),
    metadata: { component: { name: 'artifortress', version: manifest.version, type: 'application' } },
  });
  const names = bom.components.map((one: { group?: string; name: string }) =>
    one.group === undefined ? one.name : `${one.group}/${one.name}`,
  );
  expect(names).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies)));
  // Some of the others are needed by what runs as well.
  const tools = ['vitest', 'typescript', 'fast-check', 'knip', '@biomejs/biome', 'oidc-provider'];
  expect(names.filter((name: string) => tools.includes(name))).toEqual([]);
  const bare = bom.components.filter((one: { version?: string; purl?: string }) => !one.version || !one.purl);
  expect(bare).toEqual([]);
});
