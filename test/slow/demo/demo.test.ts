import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { storesAtHand } from '../support/stores.ts';
import { runDemo } from './run-demo.ts';
import { type Storefront, startStorefront } from './storefront.ts';
import { startTamperingProxy } from './tampering-proxy.ts';

/** How many observations the demo makes, at the least: one that lost a chapter must not pass. */
const LEAST_CHECKS = 60;
/** Of a session's and a part URL's end there are six; an installation with long times can't be made to show them. */
const LEAST_CHECKS_ELSEWHERE = 55;
/** A token or a bootstrap secret in full: masked, only some characters are left of it. */
const WHOLE_SECRET = /aft(?:boot)?_[\w-]{16,}/;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'artifortress-test-demo-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the demo, on a server of its own', () => {
  let run: Awaited<ReturnType<typeof runDemo>>;
  beforeAll(async () => {
    run = await runDemo([], { TMPDIR: folder });
  });

  test('sees everything as expected, and shows everything', () => {
    expect(run.report?.failed).toEqual([]);
    expect(run.report?.summary).toMatchObject({ failed: 0, failure: null, notShown: [] });
    expect(run.report?.summary.checks).toBeGreaterThanOrEqual(LEAST_CHECKS);
    expect(run.exitCode).toBe(0);
  });

  test('leaves nothing in the folder for temporary files', async () => {
    expect(await readdir(folder)).toEqual([]);
  });

  test('prints no secret', () => {
    expect(run.stdout).not.toMatch(WHOLE_SECRET);
    expect(run.stdout).toContain('Bearer aft_');
  });
});

describe.each(storesAtHand('folder', 'minio', 'versitygw'))(
  'the demo, against an installation on %s',
  (_name, settings) => {
    let storefront: Storefront;
    beforeAll(async () => {
      storefront = await startStorefront(settings());
    });
    afterAll(() => storefront.close());

    test('sees everything as expected, says what it can not show there, and leaves no repository and no good token', async () => {
      const run = await runDemo(['--against', storefront.url, '--wait', '2'], {
        ARTIFORTRESS_BOOTSTRAP_TOKEN: storefront.bootstrapToken,
      });
      expect(run.report?.failed).toEqual([]);
      expect(run.report?.summary).toMatchObject({
        failure: null,
        notShown: ["a part's URL past its time", 'a session past its time'],
      });
      expect(run.report?.summary.checks).toBeGreaterThanOrEqual(LEAST_CHECKS_ELSEWHERE);
      expect(run.exitCode).toBe(0);
      expect(await storefront.leftOvers()).toEqual({ repositories: [], goodTokens: [] });
    });
  },
);

describe('an observation that differs', () => {
  test('is named, and makes the demo fail', async () => {
    await using storefront = await startStorefront({});
    await using proxy = await startTamperingProxy(storefront.url, 'content-range', (value) =>
      value.replace('1000-', '1001-'),
    );
    const run = await runDemo(['--against', proxy.url, '--wait', '0'], {
      ARTIFORTRESS_BOOTSTRAP_TOKEN: storefront.bootstrapToken,
    });
    expect(run.report?.failed.map(({ claim }) => claim)).toEqual(['exactly these bytes, and where they are from']);
    expect(run.exitCode).toBe(1);
  });
});

test('without a secret for somebody else’s installation it says which one it needs', async () => {
  const run = await runDemo(['--against', 'http://127.0.0.1:9'], {});
  expect([run.exitCode, run.stderr]).toEqual([1, expect.stringContaining('set ARTIFORTRESS_BOOTSTRAP_TOKEN')]);
});
