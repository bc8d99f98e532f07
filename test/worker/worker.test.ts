import { expect, test } from 'vitest';
import { createLogger } from '../../src/kernel/log.ts';
import { startWorker } from '../../src/worker/worker.ts';
import { startTestServer } from '../support/test-server.ts';

test('a stop that comes in the middle of a round does not wait for the next one', async () => {
  const server = await startTestServer();
  const { services } = server.running;
  let begun = (): void => undefined;
  const round = new Promise<void>((resolve) => {
    begun = resolve;
  });
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const own = {
    'hold the round': async () => {
      begun();
      await held;
    },
  };
  const log = createLogger('silent');
  // The next round would come after an hour, long after the test has given up.
  const worker = startWorker(
    { ...services, log, settings: { ...services.settings, workerIntervalSeconds: 3600 } },
    own,
  );
  await round;
  const stopped = worker.stop();
  release();
  await expect(stopped).resolves.toBeUndefined();
  await server.close();
});
