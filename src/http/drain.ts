import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '../kernel/log.ts';
import type { Settings } from '../kernel/settings.ts';
import type { Admission } from './admission.ts';
import type { App } from './app.ts';

/** How often connections on which nothing is asked any more are closed. */
const CLOSE_IDLE_EVERY_MS = 100;

/** The end of serving, in phases: unready, no new connections, what is in progress, what is left. */
export interface Drain {
  /** False from the moment that a stop was asked for: then the server is not ready, and asks its clients to connect anew elsewhere. */
  isAccepting(): boolean;
  /**
   * Goes on serving for a while with `delay`, so that a load balancer notices; then takes no new connection and waits for the requests
   * in progress, no longer than the grace period. Resolves when no connection is left.
   */
  run(app: App, options: { delay: boolean }): Promise<void>;
}

export interface DrainServices {
  settings: Pick<Settings, 'shutdownDelaySeconds' | 'shutdownGraceSeconds'>;
  log: Logger;
  admission: Pick<Admission, 'requestsInFlight'>;
}

export function createDrain({ settings, log, admission }: DrainServices): Drain {
  let accepting = true;
  return {
    isAccepting: () => accepting,
    async run(app, { delay }) {
      accepting = false;
      const delaySeconds = delay ? settings.shutdownDelaySeconds : 0;
      log.info({ phase: 'unready', delaySeconds }, 'stopping: /health/ready is 503 from now on');
      await pause(delaySeconds * 1000);

      const graceSeconds = settings.shutdownGraceSeconds;
      const { requestsInFlight } = admission;
      log.info({ phase: 'draining', graceSeconds, requestsInFlight }, 'stopping: no new connections');
      // Node closes idle ones once, when it is told to; those that become idle later would keep the process until they time out.
      const closingIdle = setInterval(() => app.server.closeIdleConnections(), CLOSE_IDLE_EVERY_MS);
      const cutting = setTimeout(() => {
        const left = admission.requestsInFlight;
        log.warn(
          { phase: 'cutting', requestsInFlight: left },
          'stopping: the grace period is over, connections are cut',
        );
        app.server.closeAllConnections();
      }, graceSeconds * 1000);
      try {
        await app.close();
      } finally {
        clearInterval(closingIdle);
        clearTimeout(cutting);
      }
      log.info({ phase: 'drained' }, 'stopping: no connection is left');
    },
  };
}
