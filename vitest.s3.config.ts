import { defineConfig } from 'vitest/config';

const shared = {
  globalSetup: ['test/support/global-setup.ts', 'test/support/s3-global-setup.ts'],
  testTimeout: 120_000,
  hookTimeout: 120_000,
};

/** Suites of the product that know no store: they run against the folder in `npm test`, and here against each S3 server. */
const WHATEVER_THE_STORE = [
  'test/uploads/**/*.test.ts',
  'test/jobs/**/*.test.ts',
  'test/blobs/{delete,put,put-refused,download-ranges,visibility,list}.test.ts',
  'test/client/**/*.test.ts',
  'test/cli/transfer.test.ts',
  'test/access/no-oracle.test.ts',
];

/** Where the URLs of parts point at the server itself. */
const OF_THE_FOLDER = ['test/uploads/part-urls.test.ts'];

/** What is kept in S3, on two real servers of it, which are built with Go at the first run. */
export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      { test: { ...shared, name: 's3', include: ['test/s3/**/*.test.ts'] } },
      ...['minio', 'versitygw'].map((store) => ({
        test: {
          ...shared,
          name: `product on ${store}`,
          include: WHATEVER_THE_STORE,
          // Without the servers there is nothing to run them on; the notice says so.
          exclude: process.env.ARTIFORTRESS_SKIP_S3 === '1' ? ['**'] : OF_THE_FOLDER,
          env: { ARTIFORTRESS_TEST_STORE: store },
        },
      })),
    ],
  },
});
