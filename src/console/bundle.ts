import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ConsoleFile } from './console-file.ts';

/** The console's sources, in a checkout. */
const WEB_DIRECTORY = join(import.meta.dirname, '..', '..', 'web');

/** What the browser loads by itself: the application, the worker that hashes, and the looks. */
const ENTRY_POINTS = {
  console: 'main.tsx',
  'hash-worker': 'uploads/hash-worker.ts',
  'console.css': 'styles/console.css',
};

/**
 * Makes the console's files out of its sources, as they are served. Needs esbuild, which only a checkout has: `npm run build` keeps
 * what this makes for the packed package.
 */
export async function bundleConsole(): Promise<ConsoleFile[]> {
  const { build, stop } = await import('esbuild');
  try {
    const { outputFiles } = await build({
      absWorkingDir: WEB_DIRECTORY,
      entryPoints: Object.entries(ENTRY_POINTS).map(([out, source]) => ({
        in: source,
        out: out.replace(/\.css$/, ''),
      })),
      outdir: 'out',
      write: false,
      bundle: true,
      minify: true,
      format: 'esm',
      // Browsers of the last two years or so.
      target: ['chrome123', 'firefox121', 'safari17.5'],
      jsx: 'automatic',
      jsxImportSource: 'preact',
      legalComments: 'none',
      logLevel: 'silent',
    });
    const bundled = outputFiles.map(({ path, contents }) => ({ name: basename(path), bytes: Buffer.from(contents) }));
    return [...bundled, { name: 'index.html', bytes: await readFile(join(WEB_DIRECTORY, 'index.html')) }];
  } finally {
    // esbuild keeps a process of its own, which would outlive its use here.
    await stop();
  }
}
