import { defineConfig } from 'vitest/config';

/** What is kept in S3, on two real servers of it, which are built with Go at the first run. */
export default defineConfig({
  test: {
    include: ['test/s3/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts', 'test/support/s3-global-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});
