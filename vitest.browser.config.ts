import { defineConfig } from 'vitest/config';

/** The console in a real browser, on a real server and a real store. */
export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    globalSetup: [
      'test/support/global-setup.ts',
      'test/support/s3-global-setup.ts',
      'test/support/browser-global-setup.ts',
    ],
    testTimeout: 90_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});
