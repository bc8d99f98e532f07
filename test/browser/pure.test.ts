import { describe, expect, test } from 'vitest';
import { formatBytes, formatDuration, formatRelative, shortId } from '../../web/format.ts';
import { parseMetrics } from '../../web/metrics/parse.ts';
import { intervalBetween, readSnapshot } from '../../web/metrics/snapshot.ts';
import { permissionsOf } from '../../web/permissions.ts';
import { linkTo, parsePlace } from '../../web/router.ts';

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.00 KiB'],
  [2_500_000, '2.38 MiB'],
  [150 * 1024 ** 3, '150 GiB'],
])('%d bytes read "%s"', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test('ids are shortened to what tells them apart, other names are not', () => {
  const texts = [
    '01a21031-aa25-7340-920f-4907bbb6f2ee',
    'ab'.repeat(32),
    'GET /v1/repos/{repoKey}/blobs/{digest}',
    'apps',
  ];
  expect(texts.map(shortId)).toEqual(['01a21031…b6f2ee', 'abababab…ababab', texts[2], 'apps']);
});

test('durations and moments read as people say them', () => {
  expect([formatDuration(42), formatDuration(190), formatDuration(7_500)]).toEqual(['42 s', '3 min 10 s', '2 h 5 min']);
  const now = Date.parse('2026-01-02T00:00:00Z');
  const of = (atUtc: string) => formatRelative(atUtc, now);
  expect([of('2026-01-01T21:00:00Z'), of('2026-01-01T23:59:58Z'), of('2026-01-03T00:00:00Z')]).toEqual([
    '3 hours ago',
    'just now',
    'tomorrow',
  ]);
});

describe('a place in the console', () => {
  test('comes back from its own link, whatever its names hold', () => {
    const place = parsePlace(linkTo(['repos', 'a b/c%', 'blobs'], { prefix: 'x&y=z', empty: '' }));
    expect(place.path).toEqual(['repos', 'a b/c%', 'blobs']);
    expect([...place.query]).toEqual([['prefix', 'x&y=z']]);
  });

  test('that was mistyped is shown as it stands', () => {
    expect(parsePlace('#/repos/%E0%A4').path).toEqual(['repos', '%E0%A4']);
  });
});

describe('scopes allow', () => {
  test.each([
    [['repo:*:admin'], ['read', 'write', 'admin', 'promote'], 'any'],
    [['repo:apps:write'], ['read', 'write'], 'apps'],
    [['repo:apps:promote'], ['promote'], 'apps'],
    [['repo:other:admin'], [], 'apps'],
    [['nonsense', 'repo:apps', 'repo:apps:owner'], [], 'apps'],
  ])('%j exactly %j', (scopes, roles, repoKey) => {
    const permissions = permissionsOf({ scopes });
    const allowed = (['read', 'write', 'admin', 'promote'] as const).filter((role) => permissions.may(role, repoKey));
    expect(allowed).toEqual(roles);
  });
});

describe('metrics', () => {
  const text = (good: number, bad: number) => `
# HELP artifortress_http_request_duration_seconds x
artifortress_http_request_duration_seconds_bucket{le="0.01",method="GET",route="/a \\"b\\"",status="200"} ${good}
artifortress_http_request_duration_seconds_bucket{le="0.1",method="GET",route="/a \\"b\\"",status="200"} ${good}
artifortress_http_request_duration_seconds_bucket{le="+Inf",method="GET",route="/a \\"b\\"",status="200"} ${good}
artifortress_http_request_duration_seconds_count{method="GET",route="/a \\"b\\"",status="200"} ${good}
artifortress_http_request_duration_seconds_count{method="GET",route="/a",status="503"} ${bad}
artifortress_sent_bytes_total ${good * 1000}
process_resident_memory_bytes 1.5e+08
not a sample
`;

  test('are read with labels that hold quotes, and without what is none', () => {
    const samples = parseMetrics(text(1, 2));
    expect(samples).toHaveLength(7);
    expect(samples[0]?.labels).toEqual({ le: '0.01', method: 'GET', route: '/a \\"b\\"', status: '200' });
  });

  test('become rates, errors, a quantile and throughput', () => {
    const [before, after] = [readSnapshot(text(100, 0), 0), readSnapshot(text(200, 10), 10_000)];
    expect(intervalBetween(before, after)).toMatchObject({
      requests: 11,
      serverErrors: 1,
      clientErrors: 0,
      p95Seconds: 0.01,
      bytes: { artifortress_sent_bytes_total: 10_000 },
      residentBytes: 150_000_000,
    });
  });

  test('of a server that was started anew count from nothing, never below it', () => {
    const [before, after] = [readSnapshot(text(1000, 5), 0), readSnapshot(text(10, 0), 1_000)];
    expect(intervalBetween(before, after).requests).toBe(10);
  });

  test('of a version without these names are no figures, and no failure', () => {
    const empty = readSnapshot('something_else 1\n', 0);
    expect(intervalBetween(empty, readSnapshot('something_else 2\n', 5_000))).toMatchObject({
      requests: 0,
      p95Seconds: null,
      bytes: {},
      residentBytes: null,
    });
  });
});
