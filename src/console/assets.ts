import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, gzip } from 'node:zlib';
import { messageOf } from '../kernel/errors.ts';
import { BUILT_FILES, type ConsoleFile } from './console-file.ts';

const CODINGS = ['br', 'gzip', 'identity'] as const;
export type Coding = (typeof CODINGS)[number];

/** A file as it is served. */
export interface ConsoleAsset {
  contentType: string;
  /** Of the content, whatever its coding; also what a version of its URL is told by. */
  version: string;
  bodies: Readonly<Record<Coding, Buffer>>;
}

export interface ConsoleAssets {
  /** The page. */
  page: ConsoleAsset;
  /** What the page loads, by name. */
  files: ReadonlyMap<string, ConsoleAsset>;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
};

const VERSION_HEX_CHARACTERS = 16;

/**
 * The console's files, ready to be sent: those that `npm run build` made or, in a checkout, made now from the sources.
 * @throws Error that says why there are none.
 */
export async function loadConsole(): Promise<ConsoleAssets> {
  const made = (await readBuilt(join(import.meta.dirname, BUILT_FILES))) ?? (await bundle());
  const files = new Map<string, ConsoleAsset>();
  let html = '';
  for (const { name, bytes } of made) {
    if (name === 'index.html') html = bytes.toString('utf8');
    else files.set(name, await toAsset(name, bytes));
  }
  // Each URL of the page names the version, so that a browser keeps a file for as long as it is the same.
  for (const [name, { version }] of files) html = html.replaceAll(`${name}?v=`, `${name}?v=${version}`);
  return { page: await toAsset('index.html', Buffer.from(html)), files };
}

async function readBuilt(directory: string): Promise<ConsoleFile[] | undefined> {
  const names = await readdir(directory).catch(() => undefined);
  if (names === undefined) return undefined;
  return await Promise.all(names.map(async (name) => ({ name, bytes: await readFile(join(directory, name)) })));
}

async function bundle(): Promise<ConsoleFile[]> {
  const { bundleConsole } = await import('./bundle.ts');
  return await bundleConsole().catch((error: unknown) => {
    throw new Error(`the console can't be made from its sources: ${messageOf(error)}`, { cause: error });
  });
}

async function toAsset(name: string, bytes: Buffer): Promise<ConsoleAsset> {
  return {
    contentType: CONTENT_TYPES[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream',
    version: createHash('sha256').update(bytes).digest('hex').slice(0, VERSION_HEX_CHARACTERS),
    bodies: { br: await promisify(brotliCompress)(bytes), gzip: await promisify(gzip)(bytes), identity: bytes },
  };
}

/** The best coding that a client takes (RFC 9110 §12.5.3); a coding that it gives the weight 0 is one that it refuses. */
export function chooseCoding(acceptEncoding: string | undefined): Coding {
  const taken = new Set(
    (acceptEncoding ?? '')
      .split(',')
      .map((item) => item.trim().toLowerCase())
      .filter((item) => !/;\s*q=0(\.0*)?$/.test(item))
      .map((item) => item.split(';', 1)[0]?.trim()),
  );
  return CODINGS.find((coding) => taken.has(coding)) ?? 'identity';
}
