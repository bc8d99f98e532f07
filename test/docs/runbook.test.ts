import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { SETTINGS } from '../../src/kernel/settings.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const RUNBOOK = readFileSync(join(ROOT, 'docs', 'runbook.md'), 'utf8');
const LEAST_QUOTATIONS = 30;
/** Shorter pieces between two `…` are found anywhere, and prove nothing. */
const LEAST_PIECE_CHARACTERS = 10;

/** Every line that the chapter quotes as a message of the product. */
function quotations(): string[] {
  const chapter = RUNBOOK.slice(RUNBOOK.indexOf('\n## Troubleshooting'));
  return [...chapter.matchAll(/```text\n(.*?)```/gs)].flatMap(([, block = '']) => block.trimEnd().split('\n'));
}

/** What of a quotation does not differ from case to case, sentence by sentence. */
function piecesOf(quotation: string): string[] {
  return quotation
    .replace(/^artifortress: |^ {2}- /, '')
    .split(/…|ARTIFORTRESS_DATADIR|ARTIFORTRESS_DATA_DIR|(?<=[.;:?])\s/)
    .map((piece) => piece.replace(/^[\s.;:,)"]+|[\s.;:,("]+$/g, ''))
    .filter((piece) => piece.length >= LEAST_PIECE_CHARACTERS);
}

/** The sources, with texts that go on over several lines in one. */
async function readSources(): Promise<string> {
  const names = await readdir(join(ROOT, 'src'), { recursive: true });
  const files = names.filter((name) => name.endsWith('.ts'));
  const texts = await Promise.all(files.map((name) => readFile(join(ROOT, 'src', name), 'utf8')));
  return texts.join('\n').replace(/['`] \+\s*['`]/g, '');
}

describe('what the runbook quotes', () => {
  let sources: string;
  beforeAll(async () => {
    sources = await readSources();
  });

  test('is plenty', () => {
    expect(quotations().length).toBeGreaterThanOrEqual(LEAST_QUOTATIONS);
  });

  test.each(quotations())('is what the product says: %s', (quotation) => {
    const pieces = piecesOf(quotation);
    expect(pieces.length).toBeGreaterThan(0);
    expect(pieces.filter((piece) => !sources.includes(piece))).toEqual([]);
  });
});

test('every setting that the runbook names is one', () => {
  const known = new Set([
    ...Object.values(SETTINGS).map(({ env }) => env),
    'ARTIFORTRESS_CONFIG_FILE',
    'ARTIFORTRESS_URL',
  ]);
  // The misspelt one is there to be refused.
  const named = new Set(RUNBOOK.match(/ARTIFORTRESS_[A-Z0-9_]+/g)?.filter((name) => name !== 'ARTIFORTRESS_DATADIR'));
  expect([...named].filter((name) => !known.has(name))).toEqual([]);
});

test('every metric that the runbook names is one', () => {
  const known = readFileSync(join(ROOT, 'docs', 'metrics.md'), 'utf8');
  const named = new Set(RUNBOOK.match(/\bartifortress_[a-z_]+/g));
  expect([...named].filter((name) => !known.includes(`\`${name}\``))).toEqual([]);
});
