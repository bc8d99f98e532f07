import { defineConfig } from 'vitest/config';

/** The whole thing, as a user: it installs a fresh clone, so it takes a minute and needs the package registry. */
export default defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    fileParallelism: false,
    // Each test goes on from where the one before it got to.
    bail: 1,
  },
});
