import type { TestProject } from 'vitest/node';
import { findChromium } from '../../scripts/console/browser.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The browser's file; null where these suites are skipped. */
    chromium: string | null;
  }
}

/** Finds the browser. In CI, suites that can't run fail instead of being skipped. */
export default function setup(project: TestProject): void {
  const file = findChromium();
  if (file === undefined && process.env.CI === 'true') {
    throw new Error('the browser suites must run in CI, but there is no Chromium: apt-get install chromium');
  }
  if (file === undefined) process.stderr.write(SKIPPED_NOTICE);
  project.provide('chromium', file ?? null);
}

const LINE = '*'.repeat(100);
const SKIPPED_NOTICE = `
${LINE}
*** THE BROWSER SUITES ARE SKIPPED: there is no Chromium.
***
*** Nothing of the console is tested in this run. To enable these suites:
***   apt-get install chromium, or name another one's file by ARTIFORTRESS_TEST_CHROMIUM
${LINE}

`;
