import { defineConfig } from 'vitest/config';
import { LONG_SUITES } from './test/support/long-suites.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Those need S3 servers (vitest.s3.config.ts), a browser (vitest.browser.config.ts), or minutes (vitest.slow.config.ts,
    // vitest.e2e.config.ts).
    exclude: [...LONG_SUITES, 'test/browser/**', 'test/e2e/**', 'test/s3/**', 'test/slow/**'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Two cores: more workers only make real PostgreSQL and real files wait for each other.
    maxWorkers: 2,
  },
});
