import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runInTerminal } from '../cli/terminal.ts';
import { storesAtHand } from '../support/stores.ts';
import { MAIN, runDemo, startDemo } from './run-demo.ts';
import { type Storefront, startStorefront } from './storefront.ts';
import { startTamperingProxy } from './tampering-proxy.ts';

/** How many observations the demo makes, at the least: one that lost a chapter must not pass. */
const LEAST_CHECKS = 60;
/** Of a session's and a part URL's end there are six; an installation with long times can't be made to show them. */
const LEAST_CHECKS_ELSEWHERE = 55;
/** A token or a bootstrap secret in full: masked, only some characters are left of it. */
const WHOLE_SECRET = /aft(?:boot)?_[\w-]{16,}/;
const NOTHING = { repositories: [], goodTokens: [] };
/** What a shell reports for a program ended by SIGINT. */
const INTERRUPTED = 130;
const SEEN = { timeout: 60_000 };
const PROMPT = /a key goes on, Ctrl-C ends/;

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
      expect(await storefront.leftOvers()).toEqual(NOTHING);
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
    expect(await storefront.leftOvers()).toEqual(NOTHING);
  });

  test('that the next steps can not do without ends the demo, which still removes what it made', async () => {
    await using storefront = await startStorefront({});
    await using proxy = await startTamperingProxy(storefront.url, 'content-type', (value, path) => {
      if (path.endsWith('/receipt')) throw new Error('no answer for this one');
      return value;
    });
    const run = await runDemo(['--against', proxy.url, '--wait', '0'], {
      ARTIFORTRESS_BOOTSTRAP_TOKEN: storefront.bootstrapToken,
    });
    expect(run.report?.summary.failure).toMatch(/^GET .*\/receipt: /);
    expect(run.exitCode).toBe(1);
    expect(await storefront.leftOvers()).toEqual(NOTHING);
  });
});

describe('with a token in ARTIFORTRESS_TOKEN', () => {
  test('that administers everything it plays as with the bootstrap secret, and leaves that token alone', async () => {
    await using storefront = await startStorefront({});
    const token = await storefront.issueToken('operator', 'repo:*:admin');
    const run = await runDemo(['--against', storefront.url, '--wait', '0'], { ARTIFORTRESS_TOKEN: token });
    expect(run.report?.failed).toEqual([]);
    expect(run.report?.summary.failure).toBeNull();
    expect(run.exitCode).toBe(0);
    expect(run.stdout).not.toMatch(WHOLE_SECRET);
    expect(await storefront.leftOvers()).toEqual({ repositories: [], goodTokens: ['operator'] });
  });

  test.each(['repo:libs:admin', undefined])('of scope %s it says what it lacks, and makes nothing', async (scope) => {
    await using storefront = await startStorefront({});
    const token = scope === undefined ? 'made-up' : await storefront.issueToken('somebody', scope);
    const run = await runDemo(['--against', storefront.url], { ARTIFORTRESS_TOKEN: token });
    expect(run.report?.summary.failure).toContain('repo:*:admin');
    expect(run.exitCode).toBe(1);
    expect((await storefront.leftOvers()).repositories).toEqual([]);
  });
});

describe('Ctrl-C', () => {
  test.each([
    ['while it makes the repositories', 'Two of them'],
    ['within an upload', 'Resume, complete, commit'],
    ['while it waits for a session to end', 'waiting for that'],
  ])('%s leaves no repository and no good token on the server', async (_name, moment) => {
    await using storefront = await startStorefront({ partUrlTtlSeconds: 20 });
    const run = startDemo(['--against', storefront.url], { ARTIFORTRESS_BOOTSTRAP_TOKEN: storefront.bootstrapToken });
    await expect.poll(run.printed, SEEN).toContain(moment);
    run.interrupt();
    expect(await run.exitCode).toBe(INTERRUPTED);
    expect(run.printed()).not.toContain('observations');
    expect(await storefront.leftOvers()).toEqual(NOTHING);
  });

  test('ends its own server and removes its folder', async () => {
    const run = startDemo([], { TMPDIR: folder });
    await expect.poll(run.printed, SEEN).toContain('Resume, complete, commit');
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(run.printed())?.[0] ?? '';
    run.interrupt();
    expect(await run.exitCode).toBe(INTERRUPTED);
    expect(await readdir(folder)).toEqual([]);
    await expect(fetch(url)).rejects.toThrow('fetch failed');
  });
});

describe('with --pause', () => {
  /** On a terminal; the id of its process is written to a file. */
  async function pausing(storefront: Storefront) {
    const env = {
      PATH: process.env.PATH ?? '',
      HOME: folder,
      TERM: 'xterm',
      LANG: 'C.UTF-8',
      ARTIFORTRESS_BOOTSTRAP_TOKEN: storefront.bootstrapToken,
    };
    const program = [process.execPath, MAIN, '--pause', '--wait', '0', '--against', storefront.url].join(' ');
    const run = runInTerminal(['sh', '-c', `echo pid $$; exec ${program}`], { cwd: folder, env, columns: 80 });
    await expect.poll(run.sent, SEEN).toMatch(PROMPT);
    return run;
  }

  test('it waits before each chapter until a key is pressed, and Ctrl-C there leaves nothing', async () => {
    await using storefront = await startStorefront({});
    const run = await pausing(storefront);
    expect(run.sent()).not.toContain(' 2 · ');
    run.type(' ');
    await expect.poll(run.sent, SEEN).toMatch(/ 2 · .*a key goes on/s);
    run.type('\u0003');
    expect(await run.code).toBe(INTERRUPTED);
    expect(run.sent()).not.toContain(' 3 · ');
    expect(await storefront.leftOvers()).toEqual(NOTHING);
  });

  test('it ends on SIGTERM too, without a key', async () => {
    await using storefront = await startStorefront({});
    const run = await pausing(storefront);
    process.kill(Number(/pid (\d+)/.exec(run.sent())?.[1]), 'SIGTERM');
    expect(await run.code).toBe(INTERRUPTED);
    expect(await storefront.leftOvers()).toEqual(NOTHING);
  });

  test('and any key at each, it comes to its end', async () => {
    await using storefront = await startStorefront({});
    const run = await pausing(storefront);
    const keys = setInterval(() => run.type(' '), 100);
    try {
      expect(await run.code).toBe(0);
    } finally {
      clearInterval(keys);
    }
    expect(run.sent()).toContain('every one as expected');
    expect(await storefront.leftOvers()).toEqual(NOTHING);
  });
});

test('printed to a file, no URL and no text is broken', async () => {
  await using storefront = await startStorefront({});
  const run = startDemo(['--against', storefront.url, '--wait', '0'], {
    ARTIFORTRESS_BOOTSTRAP_TOKEN: storefront.bootstrapToken,
  });
  expect(await run.exitCode).toBe(0);
  expect(run.printed()).toMatch(/^ {2}→ PUT \/v1\/store\/blobs\/\S+&signature=…$/m);
  expect(run.printed()).toMatch(/^ +"uploadUrl": "http:\S+&signature=…",$/m);
  expect(run.printed()).toMatch(/^ +"message": "The uploaded bytes have another digest .* Start a new one\.",$/m);
});

test('without a secret for somebody else’s installation it says which one it needs', async () => {
  const run = await runDemo(['--against', 'http://127.0.0.1:9'], {});
  expect([run.exitCode, run.stderr]).toEqual([1, expect.stringContaining('set ARTIFORTRESS_BOOTSTRAP_TOKEN')]);
});
