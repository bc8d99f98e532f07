import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
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

test('every trouble has what it means and what to type', () => {
  const chapter = RUNBOOK.slice(RUNBOOK.indexOf('\n## Troubleshooting'));
  const entries = chapter.split(/\n(?=#### )/).slice(1);
  expect(entries.length).toBeGreaterThanOrEqual(LEAST_QUOTATIONS);
  const lacking = entries.filter((entry) => !/\bmeans\b/.test(entry) || !/\btype\b.*:\n\n```sh\n/is.test(entry));
  expect(lacking.map((entry) => entry.split('\n', 1)[0])).toEqual([]);
});

test('every setting that the runbook names is one', () => {
  const known = new Set([
    ...Object.values(SETTINGS).map(({ env }) => env),
    'ARTIFORTRESS_CONFIG_FILE',
    'ARTIFORTRESS_URL',
    'ARTIFORTRESS_TOKEN',
  ]);
  // The misspelt one is there to be refused.
  const named = new Set(RUNBOOK.match(/ARTIFORTRESS_[A-Z0-9_]+/g)?.filter((name) => name !== 'ARTIFORTRESS_DATADIR'));
  expect([...named].filter((name) => !known.has(name))).toEqual([]);
});

test('every metric that the runbook names is one', () => {
  const known = readFileSync(join(ROOT, 'docs', 'metrics.md'), 'utf8');
  // A histogram is counted by a series of its own.
  const named = new Set(RUNBOOK.match(/\bartifortress_[a-z_]+?(?=(?:_count)?\b)/g));
  expect([...named].filter((name) => !known.includes(`\`${name}\``))).toEqual([]);
});

const rulesSchema = z.object({
  groups: z.array(z.object({ rules: z.array(z.object({ alert: z.string(), expr: z.string() })) })),
});
const dashboardSchema = z.object({ panels: z.array(z.object({ title: z.string(), type: z.string() })) });

describe('what the runbook says to watch', () => {
  const monitoring = (name: string) => readFileSync(join(ROOT, 'deploy', 'monitoring', name), 'utf8');
  const { groups } = rulesSchema.parse(parse(monitoring('artifortress.rules.yml')));
  const rules = groups.flatMap((group) => group.rules);
  const { panels } = dashboardSchema.parse(JSON.parse(monitoring('grafana-dashboard.json')));
  const chapter = RUNBOOK.slice(RUNBOOK.indexOf('\n## Monitor'), RUNBOOK.indexOf('\n## Troubleshooting'));
  const rows = [...chapter.matchAll(/^\| (.*) \|$/gm)].slice(2).map(([, row = '']) => {
    const [, threshold = '', alert = '', panel = ''] = row.split(' | ').map((cell) => cell.trim());
    return { threshold, alert: alert.replaceAll('`', ''), panel };
  });

  test('has every alert, and no other', () => {
    const named = rows.map(({ alert }) => alert).filter((alert) => alert !== '–');
    expect(named.toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted());
  });

  test('names panels that the dashboard has', () => {
    const titles = new Set(panels.filter(({ type }) => type !== 'row').map(({ title }) => title));
    const named = rows.map(({ panel }) => panel).filter((panel) => panel !== '–');
    expect(named.filter((panel) => !titles.has(panel))).toEqual([]);
  });

  test.each(rules)('says the threshold of $alert', ({ alert, expr }) => {
    const [, limit] = /> ([\d.]+)\s*$/.exec(expr) ?? [];
    const threshold = rows.find((row) => row.alert === alert)?.threshold ?? '';
    // Any at all is "one"; a share may be written in per cent.
    const written = [limit, `${Number(limit) * 100} %`, ...(limit === '0' ? ['one'] : [])];
    const first = /\d[\d.]*(?: %)?|one/.exec(threshold.replace(/^99th percentile /, ''))?.[0];
    if (limit !== undefined) expect(written).toContain(first);
  });
});
