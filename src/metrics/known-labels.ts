import { AUDIT_ACTIONS } from '../audit/model.ts';
import { JOB_PAYLOADS } from '../jobs/model.ts';
import { ERROR_REGISTRY } from '../kernel/errors.ts';
import { LEAST_SERVER_ERROR, type MetricsOptions } from './metrics.ts';

/** The product's own lists of what can happen. */
export const KNOWN_LABELS: MetricsOptions['known'] = {
  jobKinds: Object.keys(JOB_PAYLOADS),
  auditActions: Object.keys(AUDIT_ACTIONS),
  serverErrorCodes: [...new Set(Object.values(ERROR_REGISTRY).map(({ status }) => status))]
    .filter((status) => status >= LEAST_SERVER_ERROR)
    .map(String),
};
