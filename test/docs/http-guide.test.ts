import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { examplesOf, isAsPromised, type Typed } from './examples.ts';
import { type GuideServer, METRICS_TOKEN, startGuideServer } from './guide-server.ts';
import { canTypeExamples } from './reader.ts';

/** Pages for browsers, with what they load. */
const PAGES = /^GET \/(docs|console)\b/;

const examples = await examplesOf('http-guide.md');

const isHere = canTypeExamples();

describe.skipIf(!isHere)('the HTTP guide', () => {
  let server: GuideServer;
  let typed: Typed;

  beforeAll(async () => {
    server = await startGuideServer();
    // Where a reader in a checkout is.
    await writeFile(join(server.folder, 'package.json'), '{}');
    typed = await server.type(examples);
  });

  afterAll(() => server?.[Symbol.asyncDispose]());

  test('can be typed from its beginning to its end', () => {
    expect(typed.code, `${typed.outputs.at(-1)}\n${typed.errors}`).toBe(0);
  });

  test.each(examples.flatMap((example, index) => (example.output === undefined ? [] : [{ ...example, index }])))(
    'under "$heading", block $index prints what stands below it',
    ({ index, output = '' }) => {
      const printed = typed.outputs[index] ?? '';
      // The comparison of the texts is only for the eye: it shows what differs.
      if (!isAsPromised(output, printed)) expect(printed.trim()).toBe(output.trim());
    },
  );

  test('leaves the folder of its reader as it was', async () => {
    expect(await readdir(server.folder)).toEqual(['data', 'package.json']);
  });

  test('removes by name only what it made', () => {
    const removals = examples.flatMap(({ script }) => script.match(/\brm(dir)?\b.*/g) ?? []);
    expect(removals.length).toBeGreaterThan(0);
    expect(removals.filter((removal) => /[*?[{~]|\s-\w/.test(removal))).toEqual([]);
  });

  test('leaves out no route', async () => {
    const { url, routeTable } = server.running;
    const metrics = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } });
    const counted = [...(await metrics.text()).matchAll(/^artifortress_http_request_duration_seconds_count\{(.*)\}/gm)];
    const requested = new Set(
      counted.map(([, labels = '']) => `${/method="(\w+)"/.exec(labels)?.[1]} ${/route="([^"]*)"/.exec(labels)?.[1]}`),
    );
    const routes = routeTable.routes
      .map(({ method, pattern }) => `${method} ${pattern}`)
      .filter((route) => !route.startsWith('HEAD ') && !PAGES.test(route));
    expect(routes.filter((route) => !requested.has(route))).toEqual([]);
  });
});

test.skipIf(!isHere)('the examples of the reference can be typed from its beginning to its end', async () => {
  await using server = await startGuideServer();
  const typed = await server.type(await examplesOf('api.md', 'sh'));
  expect(typed.code, `${typed.outputs.at(-1)}\n${typed.errors}`).toBe(0);
});
