/**
 * Suites that stand beside what they test and take too long for a newcomer's `npm test`: real servers that are killed and waited for,
 * and races that need many rounds. `npm run test:slow` runs them.
 */
export const LONG_SUITES = [
  'test/audit/epochs.test.ts',
  'test/blobs/memory.test.ts',
  'test/cli/bench/bench.test.ts',
  'test/docs/cli-guide.test.ts',
  'test/docs/http-guide.test.ts',
  'test/http/corpus/framing.test.ts',
  'test/http/drain.test.ts',
  'test/http/overload.test.ts',
  'test/kernel/embedded-postgres.test.ts',
  'test/kernel/migrate.test.ts',
  'test/metrics/wal-archive.test.ts',
  'test/operator/installation.test.ts',
  'test/tracing/*.test.ts',
  'test/uploads/races-on-*.test.ts',
  'test/uploads/verification.test.ts',
];
