import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Debian's; another one by `ARTIFORTRESS_TEST_CHROMIUM`. */
const CHROMIUM = '/usr/bin/chromium';

/** The browser to drive; undefined where there is none. */
export function findChromium(): string | undefined {
  const file = process.env.ARTIFORTRESS_TEST_CHROMIUM ?? CHROMIUM;
  return existsSync(file) ? file : undefined;
}

/** Starts it without a window, and without the calls home that a test has no use for. */
export async function startChromium(executablePath: string): Promise<Browser> {
  return await chromium.launch({
    executablePath,
    args: [
      // It can't make a sandbox of its own as root in a container.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
