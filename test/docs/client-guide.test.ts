import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../cli/support.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes } from '../support/uploading.ts';
import { examplesOf } from './examples.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** More than one write takes at once. */
const ARTIFACT_BYTES = 100_000;
/** Each takes a fraction of a second. */
const LONGEST_RUN_MS = 20_000;

/** The address in the document, which stands for the server of the test. */
const ADDRESS_IN_DOCUMENT = 'http://127.0.0.1:8080';

/**
 * What a block may use without making it: what an earlier block made, or what it says that it takes from elsewhere. A block gets
 * the lines of the names that it uses, and those that these use in turn; a name that it makes itself wins.
 */
const STAGE: readonly { name: string; line: string }[] = [
  {
    name: 'uploadId',
    line: `const { uploadId } = await artifortress.uploads.create('libs', await declared('app.tar'));`,
  },
  { name: 'partSizeBytes', line: 'const partSizeBytes = 5 * 1024 * 1024;' },
  { name: 'digest', line: `const { digest } = await artifortress.push({ repoKey: 'libs', source });` },
  { name: 'source', line: `const source = await openAsBlob('app.tar');` },
  {
    name: 'artifortress',
    line: 'const artifortress = new Artifortress({ url, token: process.env.ARTIFORTRESS_TOKEN });',
  },
  { name: 'url', line: `const url = '${ADDRESS_IN_DOCUMENT}';` },
  { name: 'declared', line: `import { declared } from './declared.ts';` },
  { name: 'openAsBlob', line: `import { openAsBlob } from 'node:fs';` },
  { name: 'Artifortress', line: `import { Artifortress } from 'artifortress/client';` },
];

const DECLARED = `import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

export async function declared(file: string): Promise<{ digest: string; lengthBytes: number }> {
  const bytes = await readFile(file);
  return { digest: createHash('sha256').update(bytes).digest('hex'), lengthBytes: bytes.length };
}
`;

/** As a reader's own project, only that it takes the library from its sources. */
const TSCONFIG = {
  extends: join(ROOT, 'tsconfig.json'),
  compilerOptions: { typeRoots: [join(ROOT, 'node_modules/@types')] },
  include: ['*.ts'],
};

const examples = await examplesOf('client.md', 'ts');
const blocks = examples.map(({ heading, script }, index) => ({ heading, script, file: `block-${index}.ts` }));

const outcomes = new Map<string, Outcome>();

let server: TestServer;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

/** Whether a text makes a name: by a declaration, or by an import. */
function makes(script: string, name: string): boolean {
  return new RegExp(`^(?:const|await using) (?:\\{[^}]*)?\\b${name}\\b|^import [^;']*\\b${name}\\b`, 'm').test(script);
}

function staged(script: string): string {
  let text = script;
  for (const { name, line } of STAGE) {
    if (new RegExp(`\\b${name}\\b`).test(text) && !makes(text, name)) text = `${line}\n${text}`;
  }
  return text.replaceAll(ADDRESS_IN_DOCUMENT, server.url);
}

/** What became of a block that was run in a folder with an artifact that nobody has pushed before. */
interface Outcome {
  failure: string | null;
  artifact: Buffer;
  stdout: Buffer;
  /** What it left as `copy.tar`. */
  copy: Buffer | null;
}

async function runBlock(file: string): Promise<Outcome> {
  const cwd = join(folder.path, file.replace('.ts', ''));
  await mkdir(cwd);
  const artifact = uniqueBytes(ARTIFACT_BYTES);
  await writeFile(join(cwd, 'app.tar'), artifact);
  const { error, stdout, stderr } = await runNode([join(folder.path, file)], cwd);
  const copy = await readFile(join(cwd, 'copy.tar')).catch(() => null);
  return { failure: error === null ? null : stderr.toString(), artifact, stdout, copy };
}

function runNode(args: string[], cwd: string) {
  const env = { ARTIFORTRESS_TOKEN: server.adminToken, ARTIFORTRESS_BOOTSTRAP_TOKEN: server.bootstrapToken };
  const options = { cwd, env, encoding: 'buffer', timeout: LONGEST_RUN_MS } as const;
  return new Promise<{ error: Error | null; stdout: Buffer; stderr: Buffer }>((resolve) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => resolve({ error, stdout, stderr }));
  });
}

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('libs');
  folder = await temporaryFolder();
  const installed = join(folder.path, 'node_modules', 'artifortress');
  await mkdir(installed, { recursive: true });
  await symlink(join(ROOT, 'src'), join(installed, 'src'));
  const manifest = { type: 'module', exports: { './client': './src/client/index.ts' } };
  await writeFile(join(installed, 'package.json'), JSON.stringify(manifest));
  await writeFile(join(folder.path, 'package.json'), JSON.stringify({ type: 'module' }));
  await writeFile(join(folder.path, 'tsconfig.json'), JSON.stringify(TSCONFIG));
  await writeFile(join(folder.path, 'declared.ts'), DECLARED);
  for (const { file, script } of blocks) {
    await writeFile(join(folder.path, file), staged(script));
    outcomes.set(file, await runBlock(file));
  }
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
  await server.close();
});

describe('the guide to the client library', () => {
  test('has examples whose types are right', async () => {
    const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const { error, stdout } = await runNode([compiler, '-p', folder.path], folder.path);
    expect(error, stdout.toString()).toBe(null);
  });

  test.each(blocks)('under $heading, $file runs', ({ file }) => {
    expect(outcomes.get(file)?.failure).toBe(null);
  });

  test.each(withText('artifortress.push('))('under $heading, $file pushes the file', async ({ file }) => {
    const { artifact = Buffer.of() } = outcomes.get(file) ?? {};
    const stored = await server.request('GET', `/v1/repos/libs/blobs/${sha256(artifact)}`);
    expect(stored.bytes.equals(artifact)).toBe(true);
  });

  test.each(withText('artifortress.pull('))('under $heading, $file prints what was pushed', ({ file }) => {
    const { artifact, stdout } = outcomes.get(file) ?? {};
    expect(stdout?.equals(artifact ?? Buffer.of())).toBe(true);
  });

  test.each(withText('range:'))('under $heading, $file prints the range', ({ file }) => {
    const { artifact, stdout } = outcomes.get(file) ?? {};
    expect(stdout).toEqual(artifact?.subarray(0, 1024));
  });

  test.each(withText('pullInto('))('under $heading, $file writes what was pushed', ({ file }) => {
    const { artifact, copy } = outcomes.get(file) ?? {};
    expect(copy?.equals(artifact ?? Buffer.of())).toBe(true);
  });
});

function withText(text: string): typeof blocks {
  const found = blocks.filter(({ script }) => script.includes(text));
  if (found.length === 0) throw new Error(`no example has ${text}`);
  return found;
}
