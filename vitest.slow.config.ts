import { defineConfig } from 'vitest/config';
import { LONG_SUITES } from './test/support/long-suites.ts';

/** Faults, outages, races and interleavings: minutes, on the folder and on both S3 servers. */
export default defineConfig({
  test: {
    include: ['test/slow/**/*.test.ts', ...LONG_SUITES],
    globalSetup: ['test/support/global-setup.ts', 'test/support/s3-global-setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});
