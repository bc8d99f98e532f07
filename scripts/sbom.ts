import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { z } from 'zod';

// npm run sbom: everything that runs, as CycloneDX, by npm's own list. npm calls the product after the folder that it lies in, and its
// --omit=dev leaves out also what runs where a tool needs it too: here what only tools need goes by the mark that npm puts on it.

const TOOL = 'cdx:npm:package:development';

const documentSchema = z.looseObject({
  metadata: z.looseObject({ component: z.looseObject({ name: z.string() }) }),
  components: z.array(
    z.looseObject({
      'bom-ref': z.string(),
      properties: z.array(z.object({ name: z.string(), value: z.string() })).default([]),
    }),
  ),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.array(z.string()).default([]) })),
});

const { name } = z
  .object({ name: z.string() })
  .parse(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')));
const listed = execFileSync('npm', ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application'], {
  cwd: new URL('..', import.meta.url),
  encoding: 'utf8',
  maxBuffer: 64 * 1024 ** 2,
});
const document = documentSchema.parse(JSON.parse(listed));
document.metadata.component.name = name;
const isTool = ({ properties }: { properties: { name: string; value: string }[] }) =>
  properties.some((property) => property.name === TOOL && property.value === 'true');
const tools = new Set(document.components.filter(isTool).map((component) => component['bom-ref']));
document.components = document.components.filter((component) => !isTool(component));
document.dependencies = document.dependencies
  .filter(({ ref }) => !tools.has(ref))
  .map((one) => ({ ...one, dependsOn: one.dependsOn.filter((ref) => !tools.has(ref)) }));
process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
