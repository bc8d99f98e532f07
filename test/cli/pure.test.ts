import { InvalidArgumentError } from 'commander';
import { describe, expect, test } from 'vitest';
import { parseTtlMinutes } from '../../src/cli/command.ts';
import { exitCodeOf } from '../../src/cli/exit-codes.ts';
import { explain } from '../../src/cli/explain.ts';
import { Interrupted, NotSignedIn, UsageError } from '../../src/cli/failures.ts';
import { formatBytes, formatDuration, formatTable } from '../../src/cli/format.ts';
import { paint } from '../../src/cli/paint.ts';
import { progressLine } from '../../src/cli/progress-line.ts';
import { parseBlobReference, parseUploadReference } from '../../src/cli/references.ts';
import { ArtifortressError } from '../../src/client/index.ts';
import { startCli } from './support.ts';

const DIGEST = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

describe('exit codes', () => {
  test.each([
    ['bad_request', 2],
    ['unauthorized', 3],
    ['forbidden', 3],
    ['not_found', 4],
    ['conflict', 5],
    ['upload_verification_failed', 5],
    ['content_mismatch', 5],
    ['rate_limited', 6],
    ['service_unavailable', 6],
    ['storage_access_denied', 6],
    ['insufficient_storage', 6],
    ['network_error', 6],
    ['timeout', 6],
    ['internal_error', 1],
    ['something_new', 1],
  ])('%s ends with %i', (code, expected) => {
    expect(exitCodeOf(new ArtifortressError({ code, message: 'x' }))).toBe(expected);
  });

  test('what is not the server says 130 for Ctrl-C, 143 for termination, 2 for usage, 3 for no token, else 1', () => {
    expect(exitCodeOf(new Interrupted('SIGINT'))).toBe(130);
    expect(exitCodeOf(new Interrupted('SIGTERM'))).toBe(143);
    expect(exitCodeOf(new UsageError('x'))).toBe(2);
    expect(exitCodeOf(new NotSignedIn('x'))).toBe(3);
    expect(exitCodeOf(new Error('x'))).toBe(1);
  });
});

describe('errors for people', () => {
  test('say what happened, what to do, and the request id, in one line', () => {
    const text = explain(new ArtifortressError({ code: 'forbidden', message: 'It needs\nwrite', requestId: 'req-9' }));
    expect(text).toBe(
      'It needs write. See what your token allows with "artifortress whoami", and ask an administrator for the rest. (request req-9)',
    );
  });

  test('name both digests after a failed verification, and both lengths where the length told', () => {
    const failed = (fields: Record<string, unknown>) =>
      explain(new ArtifortressError({ code: 'upload_verification_failed', message: 'Not as declared.', fields }));
    expect(failed({ expectedDigest: 'aa', actualDigest: 'bb' })).toContain('Declared aa, received bb.');
    expect(failed({ expectedLength: 5, actualLength: 4, actualDigest: null })).toContain(
      'Declared 5 bytes, received 4 bytes'.slice(0, 27),
    );
  });

  test('say of files what is wrong without codes', () => {
    const error = Object.assign(new Error("ENOENT: no such file or directory, open 'x'"), {
      code: 'ENOENT',
      path: 'x',
    });
    expect(explain(error)).toBe('x: there is no such file or folder.');
  });
});

describe('figures for people', () => {
  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.00 KiB'],
    [1536, '1.50 KiB'],
    [20 * 1024, '20.0 KiB'],
    [1024 ** 2 - 1, '1.00 MiB'],
    [312 * 1024 ** 2, '312 MiB'],
    [1024 ** 3, '1.00 GiB'],
    [2 ** 53, '8.00 PiB'],
  ])('%i bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test.each([
    [800, '0.8 s'],
    [42_000, '42 s'],
    [200_000, '3 min 20 s'],
    [7_500_000, '2 h 5 min'],
  ])('%i ms are %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });

  test('a table is aligned, and nothing in it moves the cursor', () => {
    const columns = [
      { title: 'NAME', text: (row: { name: string }) => row.name },
      { title: 'N', text: () => '7', alignRight: true },
    ];
    expect(formatTable(columns, [{ name: 'a' }, { name: 'evil\u001b[2J' }], true)).toEqual([
      'NAME      N',
      'a         7',
      'evil�[2J  7',
    ]);
  });

  test('progress without a terminal is a line', () => {
    expect(progressLine({ phase: 'upload', doneBytes: 1024, totalBytes: 4096, bytesPerSecond: 1024 })).toBe(
      'uploading: 25 % · 1.00 KiB of 4.00 KiB · 1.00 KiB/s · 3.0 s left',
    );
  });

  test('colour is for terminals, and not where NO_COLOR is set', () => {
    const environment = (variables: Record<string, string>) => ({ variables });
    expect(paint(environment({}), { isTTY: true }, 'red', 'x')).toBe('\u001b[31mx\u001b[39m');
    expect(paint(environment({ NO_COLOR: '1' }), { isTTY: true }, 'red', 'x')).toBe('x');
    expect(paint(environment({}), {}, 'red', 'x')).toBe('x');
  });
});

describe('what is typed', () => {
  test.each([
    ['90', 90],
    ['90m', 90],
    ['8h', 480],
    ['1D', 1440],
  ])('--ttl %s is %i minutes', (text, minutes) => {
    expect(parseTtlMinutes(text)).toBe(minutes);
  });

  test.each(['', 'h', '1w', '-5', '1.5h'])('--ttl "%s" is refused', (text) => {
    expect(() => parseTtlMinutes(text)).toThrow(InvalidArgumentError);
  });

  test('a blob is <repository>/<digest>', () => {
    expect(parseBlobReference(`libs/sha256:${DIGEST}`)).toEqual({ repoKey: 'libs', digest: DIGEST });
    for (const text of ['libs', '/x', `a/b/${DIGEST}`, 'libs/'])
      expect(() => parseBlobReference(text)).toThrow(UsageError);
    expect(() => parseBlobReference('libs/abc')).toThrow('is not a digest');
    expect(parseUploadReference('libs/u-1')).toEqual({ repoKey: 'libs', uploadId: 'u-1' });
  });
});

describe('the command line', () => {
  const run = (...argv: string[]) => startCli(argv, '/nonexistent').result;

  test('says its version, and helps when given nothing', async () => {
    const version = await run('--version');
    expect(version).toMatchObject({ code: 0, stderr: '' });
    expect(version.stdout.toString()).toMatch(/^\d+\.\d+\.\d+/);
    const help = await run();
    expect(help.code).toBe(0);
    expect(help.stdout.toString()).toContain('Exit codes:');
  });

  test.each([
    'push',
    'pull',
    'blob',
    'upload',
    'repo',
    'login',
    'logout',
    'whoami',
    'token',
    'binding',
    'audit',
    'serve',
    'config',
    'status',
  ])('%s has a help', async (name) => {
    const asked = await run(name, '--help');
    expect(asked.code).toBe(0);
    expect((await run('help', name)).stdout).toEqual(asked.stdout);
    expect((await run()).stdout.toString()).toMatch(new RegExp(`^  ${name} `, 'm'));
  });

  test.each([
    [['blob', 'list'], 'Examples:'],
    [['token', 'issue'], 'ARTIFORTRESS_BOOTSTRAP_TOKEN'],
    [['upload', 'abort'], 'Examples:'],
    [['binding', 'set'], 'Examples:'],
  ])('%j helps with examples', async (argv, text) => {
    expect((await run(...argv, '--help')).stdout.toString()).toContain(text);
  });

  test('the time of a token is told once, as one types it', async () => {
    const help = (await run('token', 'issue', '--help')).stdout.toString();
    expect(help.match(/\(default: .*\)/g)).toEqual(['(default: 8h)']);
  });

  test.each([
    [['psh'], "unknown command 'psh'"],
    [['push', '-r', 'libs'], "missing required argument 'file'"],
    [['push', 'x'], '--repo'],
    [['push', 'x', '--repo', 'r', '--nope'], "unknown option '--nope'"],
    [['audit', '--limit', '0'], 'from 1 to 500'],
    [['repo', 'create', 'x', '--type', 'odd'], 'local, remote, virtual'],
    [['binding', 'set', 'r', 's', '--role', 'king'], 'read, write, admin, promote'],
    [['whoami', '--url', 'ftp://x'], 'is not a server address'],
    [['login'], '--token-stdin'],
  ])('%j is wrong usage', async (argv, text) => {
    const { code, stderr, stdout } = await run(...argv);
    expect(code).toBe(2);
    expect(stderr).toContain(text);
    expect(stdout.toString()).toBe('');
  });
});
