import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseContentRange, rangeHeader } from '../../src/client/blobs.ts';
import { parseDigest } from '../../src/client/digest.ts';
import { ArtifortressError } from '../../src/client/errors.ts';
import { mapInParallel } from '../../src/client/parallel.ts';
import { planParts } from '../../src/client/part-plan.ts';
import { path } from '../../src/client/path.ts';
import { DEFAULT_RETRY_POLICY, isRepeatable, parseRetryAfter, retryDelayMs } from '../../src/client/retry.ts';
import { createPortableHash } from '../../src/client/sha256.ts';
import { parseBaseUrl } from '../../src/client/transport.ts';

const DIGEST = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

describe('the portable hash', () => {
  test('agrees with node:crypto, however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), (chunks) => {
        const portable = createPortableHash();
        const native = createHash('sha256');
        for (const chunk of chunks) {
          portable.update(chunk);
          native.update(chunk);
        }
        expect(portable.digestHex()).toBe(native.digest('hex'));
      }),
      { numRuns: 500 },
    );
  });

  test('agrees at every length around the padding', () => {
    for (let length = 0; length <= 200; length += 1) {
      const bytes = new Uint8Array(length).fill(length);
      const portable = createPortableHash();
      portable.update(bytes);
      expect(portable.digestHex()).toBe(createHash('sha256').update(bytes).digest('hex'));
    }
  });
});

describe('waiting between tries', () => {
  const random = () => 0.5;

  test('doubles up to its bound, its upper half random', () => {
    const waits = [1, 2, 3, 4, 5].map((attempt) => retryDelayMs(attempt, null, DEFAULT_RETRY_POLICY, random));
    expect(waits).toEqual([187.5, 375, 750, 1500, 3000]);
    const policy = { ...DEFAULT_RETRY_POLICY, maxAttempts: 50 };
    expect(retryDelayMs(40, null, policy, () => 0.999_999)).toBeLessThanOrEqual(policy.maxDelayMs);
  });

  test('ends after the last try', () => {
    expect(retryDelayMs(DEFAULT_RETRY_POLICY.maxAttempts, null, DEFAULT_RETRY_POLICY, random)).toBeNull();
  });

  test('is never shorter than the server asks, and gives up where it asks for too long', () => {
    expect(retryDelayMs(1, 5_000, DEFAULT_RETRY_POLICY, random)).toBe(5_125);
    expect(retryDelayMs(1, 3_600_000, DEFAULT_RETRY_POLICY, random)).toBeNull();
  });

  test.each([
    ['3', 3_000],
    [' 0 ', 0],
    ['Thu, 01 Jan 1970 00:00:10 GMT', 9_000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['soon', null],
    [null, null],
  ])('reads Retry-After %s', (value, expected) => {
    expect(parseRetryAfter(value, 1_000)).toBe(expected);
  });

  test.each([
    ['network_error', null, true, false],
    ['timeout', null, true, false],
    ['rate_limited', 429, true, true],
    ['service_unavailable', 503, true, false],
    ['service_unavailable', 502, true, false],
    ['internal_error', 500, false, false],
    ['conflict', 409, false, false],
    ['unauthorized', 401, false, false],
    ['insufficient_storage', 507, false, false],
  ])('after %s (%s): an idempotent step repeats %s, any other %s', (code, status, always, refused) => {
    const error = new ArtifortressError({ code, status, message: 'x' });
    expect(isRepeatable(error, 'always')).toBe(always);
    expect(isRepeatable(error, 'refused')).toBe(refused);
  });
});

describe('cutting content into parts', () => {
  const bounds = {
    minimumPartSizeBytes: 5 * 1024 ** 2,
    suggestedPartSizeBytes: 16 * 1024 ** 2,
    maximumPartSizeBytes: 5 * 1024 ** 3,
    maximumPartNumber: 10_000,
  };

  test('covers every byte once, in order, within the bounds', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 44 }),
        fc.option(fc.integer({ min: 1, max: 2 ** 34 }), { nil: undefined }),
        (length, wanted) => {
          const parts = planParts(length, bounds, wanted);
          const sizes = parts.map((part) => part.end - part.start);
          // Judged in one go: an assertion for each of 10,000 parts takes seconds.
          expect(parts.every((part, index) => part.partNumber === index + 1)).toBe(true);
          expect(parts.every((part, index) => part.start === (parts[index - 1]?.end ?? 0))).toBe(true);
          expect(parts.at(-1)?.end).toBe(length);
          expect(Math.max(...sizes)).toBeLessThanOrEqual(bounds.maximumPartSizeBytes);
          if (parts.length > 1) {
            expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThanOrEqual(bounds.minimumPartSizeBytes);
          }
          expect(parts.length).toBeLessThanOrEqual(bounds.maximumPartNumber);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('is refused where the store could never take it', () => {
    const tiny = { ...bounds, minimumPartSizeBytes: 1, maximumPartSizeBytes: 10, maximumPartNumber: 3 };
    expect(() => planParts(31, tiny)).toThrow('at most 30');
    expect(planParts(30, tiny)).toHaveLength(3);
  });
});

describe('ranges', () => {
  test.each([
    [{ start: 0, end: 0 }, 'bytes=0-0'],
    [{ start: 5 }, 'bytes=5-'],
    [{ last: 7 }, 'bytes=-7'],
  ])('%j is %s', (range, header) => {
    expect(rangeHeader(range)).toBe(header);
  });

  test.each([[{ start: 2, end: 1 }], [{ start: -1 }], [{ start: 0.5 }], [{ last: Number.NaN }]])(
    '%j is refused',
    (range) => {
      expect(() => rangeHeader(range)).toThrow(ArtifortressError);
    },
  );

  test.each([
    ['bytes 5-9/10', { startBytes: 5, totalLengthBytes: 10 }],
    ['bytes */10', null],
    ['bytes 0-1/*', null],
    [null, null],
  ])('Content-Range %s', (value, expected) => {
    expect(parseContentRange(value)).toEqual(expected);
  });
});

describe('what is given', () => {
  test.each([DIGEST, ` sha256:${DIGEST} `, DIGEST.toUpperCase()])('%s is a digest', (text) => {
    expect(parseDigest(text)).toBe(DIGEST);
  });

  test.each(['', 'abc', `${DIGEST}0`, `sha512:${DIGEST}`])('"%s" is none', (text) => {
    expect(() => parseDigest(text)).toThrow('is not a digest');
  });

  test('a name in a path cannot reach another route', () => {
    expect(path`/v1/repos/${'a/b?c'}/blobs`).toBe('/v1/repos/a%2Fb%3Fc/blobs');
    for (const name of ['', '.', '..']) expect(() => path`/v1/repos/${name}`).toThrow(ArtifortressError);
  });

  test('a server address loses its last slash, keeps its path, and never holds credentials', () => {
    expect(parseBaseUrl('https://example.com/')).toBe('https://example.com');
    expect(parseBaseUrl('https://example.com/artifacts//')).toBe('https://example.com/artifacts');
    for (const url of ['example.com', 'ftp://example.com', 'https://user:pass@example.com', 'http://x/?token=1']) {
      expect(() => parseBaseUrl(url)).toThrow(ArtifortressError);
    }
  });
});

describe('work in parallel', () => {
  test('keeps to its width, and the order of the items', async () => {
    let running = 0;
    let most = 0;
    const results = await mapInParallel(
      [5, 1, 4, 2, 3],
      () => 2,
      undefined,
      async (item) => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setTimeout(resolve, item));
        running -= 1;
        return item * 10;
      },
    );
    expect(results).toEqual([50, 10, 40, 20, 30]);
    expect(most).toBe(2);
  });

  test('stops the others at the first failure, and waits until they have stopped', async () => {
    let stopped = 0;
    const work = mapInParallel(
      [1, 2, 3, 4],
      () => 2,
      undefined,
      async (item, signal) => {
        if (item === 1) throw new Error('the first');
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        stopped += 1;
      },
    );
    await expect(work).rejects.toThrow('the first');
    expect(stopped).toBe(1);
  });
});
