import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BLOB_TRANSITIONS, type BlobState } from '../../src/blobs/model.ts';
import { assert } from '../../src/kernel/errors.ts';
import { LIVE_STATES, TRANSITIONS, UPLOAD_STATES } from '../../src/uploads/model.ts';

const BLOB_STATES = { live: true, damaged: true, condemned: true, deleting: true } satisfies Record<BlobState, true>;

type Transitions = Record<string, { from: readonly string[]; to: string }>;

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'state-machines.md'), 'utf8');

/** The part of the page under a heading. */
function section(heading: string): string {
  const text = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  assert(text !== undefined, `the page has a part "${heading}"`);
  return text;
}

/** One line for each arrow: from, by, to. */
function drawn(text: string): string[] {
  const [, drawing = ''] = /```mermaid\n(.*?)```/s.exec(text) ?? [];
  return [...drawing.matchAll(/^ +(\w+) --> (\w+): (\w+)$/gm)].map(([, from, to, by]) => `${from} ${by} ${to}`);
}

interface TableRow {
  from: string[];
  by: string;
  to: string;
  why: string;
}

function tabled(text: string): TableRow[] {
  const names = (cell: string) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
  return [...text.matchAll(/^\| (`.*?) +\| (.*?) +\| (.*?) +\| (.*?) +\|$/gm)].map(
    ([, from = '', by = '', to = '', why = '']) => ({
      from: names(from),
      by: names(by).join(),
      to: names(to).join(),
      why,
    }),
  );
}

describe.each<[string, Transitions, readonly string[]]>([
  ['Upload sessions', TRANSITIONS, UPLOAD_STATES],
  ['Blobs', BLOB_TRANSITIONS, Object.keys(BLOB_STATES)],
])('%s:', (heading, transitions, states) => {
  const text = section(heading);
  const arrows = Object.entries(transitions).flatMap(([by, { from, to }]) =>
    from.map((state) => `${state} ${by} ${to}`),
  );

  test('the drawing has every transition of the code, and no other', () => {
    expect(drawn(text).sort()).toEqual(arrows.sort());
  });

  test('the table has every transition of the code, in its order, and no other', () => {
    const rows = tabled(text).map(({ from, by, to }) => [by, { from, to }]);
    expect(rows).toEqual(Object.entries(transitions).map(([by, { from, to }]) => [by, { from: [...from], to }]));
  });

  test('each transition says why', () => {
    for (const { why } of tabled(text)) expect(why).toMatch(/^[A-Z].*\.$/);
  });

  test('every state is in it', () => {
    for (const state of states) expect(drawn(text).join(' ')).toContain(state);
  });
});

test('no transition leads out of a final state', () => {
  const final = UPLOAD_STATES.filter((state) => !LIVE_STATES.some((live) => live === state));
  const left = Object.values<{ from: readonly string[] }>(TRANSITIONS).flatMap(({ from }) => from);
  expect(left.filter((state) => final.some((one) => one === state))).toEqual([]);
});
