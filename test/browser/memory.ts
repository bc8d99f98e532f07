import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';

const KIB = 1024;

export interface MemoryPeaks {
  /** The heap of the page's scripts. */
  heapBytes: number;
  /** What all the browser's processes hold in memory, but for files that are mapped: with workers, buffers and blobs. */
  heldBytes: number;
}

/** Looks at the browser's memory again and again while something is done. @returns the most that it grew by at any time. */
export async function watchMemory(browser: Browser, page: Page, work: () => Promise<void>): Promise<MemoryPeaks> {
  const pageSession = await page.context().newCDPSession(page);
  const browserSession = await browser.newBrowserCDPSession();
  await pageSession.send('Performance.enable');

  const sample = async (): Promise<MemoryPeaks> => {
    const { metrics } = await pageSession.send('Performance.getMetrics');
    const { processInfo } = await browserSession.send('SystemInfo.getProcessInfo');
    const held = await Promise.all(processInfo.map(({ id }) => heldBytesOf(id)));
    return {
      heapBytes: metrics.find(({ name }) => name === 'JSHeapUsedSize')?.value ?? Number.NaN,
      heldBytes: held.reduce((sum, bytes) => sum + bytes, 0),
    };
  };

  const before = await sample();
  const peaks = { heapBytes: 0, heldBytes: 0 };
  const done = new AbortController();
  const watching = (async () => {
    while (!done.signal.aborted) {
      const now = await sample();
      peaks.heapBytes = Math.max(peaks.heapBytes, now.heapBytes - before.heapBytes);
      peaks.heldBytes = Math.max(peaks.heldBytes, now.heldBytes - before.heldBytes);
      await page.waitForTimeout(100);
    }
  })();
  try {
    await work();
  } finally {
    done.abort();
    await watching;
    await Promise.all([pageSession.detach(), browserSession.detach()]);
  }
  return peaks;
}

/** Anonymous and shared memory of a process (proc(5)); 0 where it has ended meanwhile. */
async function heldBytesOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const rows = [...status.matchAll(/^Rss(?:Anon|Shmem):\s+(\d+) kB$/gm)];
  return rows.reduce((sum, [, kib]) => sum + Number(kib) * KIB, 0);
}
