import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const DOCS = join(import.meta.dirname, '..', '..', 'docs');

export interface Example {
  /** The nearest heading above it. */
  heading: string;
  script: string;
  /** What it prints, with `…` for anything; undefined where the document does not say. */
  output: string | undefined;
}

/** The blocks of a language in a document, each with the block of text right below it. */
export async function examplesOf(document: string, wanted: 'bash' | 'sh' | 'ts' = 'bash'): Promise<Example[]> {
  const text = await readFile(join(DOCS, document), 'utf8');
  const examples: Example[] = [];
  let heading = '';
  for (const [, title, language, content = ''] of text.matchAll(/^#+ (.*)$|^```(\w*)\n([\s\S]*?)^```$/gm)) {
    if (title !== undefined) heading = title;
    else if (language === wanted) examples.push({ heading, script: content, output: undefined });
    else if (language === 'text') {
      const last = examples.at(-1);
      if (last === undefined || last.output !== undefined) throw new Error(`no block prints this: ${content}`);
      last.output = content;
    }
  }
  return examples;
}

/** Between the outputs of two blocks; nothing prints it by chance. */
const MARK = '=-=-= next block =-=-=';

export interface Typed {
  /** What each block printed. */
  outputs: string[];
  errors: string;
  code: number;
}

/** Types the blocks into one shell, one after the other. */
export async function typeInOrder(examples: readonly Example[], cwd: string, env: NodeJS.ProcessEnv): Promise<Typed> {
  const script = examples.map((example) => `${example.script}\nprintf '%s' '${MARK}'\n`).join('');
  const child = spawn('bash', ['-e', '-o', 'pipefail', '-c', script], { cwd, env });
  let stdout = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const [code]: unknown[] = await once(child, 'close');
  return { outputs: stdout.split(MARK), errors, code: Number(code) };
}

/** Whether a text is what an example promises. */
export function isAsPromised(promised: string, printed: string): boolean {
  const pattern = promised
    .trim()
    .split('…')
    .map((literal) => literal.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('[\\s\\S]*');
  return new RegExp(`^${pattern}$`).test(printed.trim());
}
