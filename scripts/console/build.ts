import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleConsole } from '../../src/console/bundle.ts';
import { BUILT_FILES } from '../../src/console/console-file.ts';

// Keeps the console's files for the packed package, beside the compiled server: part of `npm run build`.

const directory = join(import.meta.dirname, '..', '..', 'dist', 'console', BUILT_FILES);
await mkdir(directory, { recursive: true });
for (const { name, bytes } of await bundleConsole()) await writeFile(join(directory, name), bytes);
