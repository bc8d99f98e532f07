import type { Principal } from './access/model.ts';
import type { Attribution } from './audit/model.ts';
import type { Downloads } from './blobs/downloads.ts';
import type { Clock } from './kernel/clock.ts';
import type { Database } from './kernel/database.ts';
import type { Ids } from './kernel/ids.ts';
import type { Logger } from './kernel/log.ts';
import type { Settings } from './kernel/settings.ts';
import type { Tracer } from './kernel/tracer.ts';
import type { Signer } from './keys/model.ts';
import type { Metrics } from './metrics/metrics.ts';
import type { ObjectStore } from './objects/object-store.ts';
import type { StreamedUploads } from './uploads/streamed-uploads.ts';
import type { Verifications } from './uploads/verifications.ts';

/** What `main.ts` constructs and passes on. A use case names the ones it needs. */
export interface Services {
  db: Database;
  objects: ObjectStore;
  verifications: Verifications;
  signer: Signer;
  clock: Clock;
  ids: Ids;
  log: Logger;
  settings: Settings;
  downloads: Downloads;
  streamedUploads: StreamedUploads;
  metrics: Metrics;
  tracer: Tracer;
  /** The address that clients reach this server under, without a slash at its end. */
  publicUrl: () => string;
}

/** Who asks, in which request. */
export interface Caller {
  principal: Principal;
  requestId: string;
}

/** In whose name the rows of this request's changes are written. */
export function attribute(clock: Clock, caller: Caller): Attribution {
  const { tenantId, subject } = caller.principal;
  return { tenantId, actor: subject, requestId: caller.requestId, at: clock.now() };
}
