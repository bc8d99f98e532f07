import type { ServerResponse } from 'node:http';
import type { PoolState } from '../kernel/database-observer.ts';
import { AppError } from '../kernel/errors.ts';
import type { Settings } from '../kernel/settings.ts';
import type { App } from './app.ts';

const RETRY_AFTER_SECONDS = 1;

/** Lets requests in while there is room for them, and refuses them at once where there is none: before a body, a look-up, a wait. */
export interface Admission {
  /** Counts a request in until its answer is over. @returns the refusal where a bound is reached. */
  admit(response: ServerResponse): AppError | undefined;
  readonly requestsInFlight: number;
  /** How many were refused, by the bound that was reached, since the start of the process. */
  readonly shed: Readonly<{ requests: number; database: number }>;
}

type AdmissionLimits = Pick<Settings, 'maximumRequests' | 'maximumDatabaseWaiters'>;

export function createAdmission(limits: AdmissionLimits, pool: () => PoolState): Admission {
  let requestsInFlight = 0;
  const shed = { requests: 0, database: 0 };

  const refuse = (bound: keyof typeof shed, message: string): AppError => {
    shed[bound] += 1;
    return new AppError('service_unavailable', message, { retryAfterSeconds: RETRY_AFTER_SECONDS });
  };

  return {
    shed,
    get requestsInFlight() {
      return requestsInFlight;
    },
    admit(response) {
      if (requestsInFlight >= limits.maximumRequests) {
        return refuse('requests', 'Too many requests are in progress; retry as Retry-After says.');
      }
      if (pool().waiting >= limits.maximumDatabaseWaiters) {
        return refuse('database', 'Too many requests wait for the database; retry as Retry-After says.');
      }
      requestsInFlight += 1;
      // Comes once for each response, whether it was sent whole or its client went away.
      response.once('close', () => {
        requestsInFlight -= 1;
      });
      return undefined;
    },
  };
}

/** To stand before every hook that asks the database anything. */
export function boundRequests(app: App, admission: Admission): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.alwaysAdmitted === true) return done();
    const refusal = admission.admit(reply.raw);
    done(refusal);
  });
}
