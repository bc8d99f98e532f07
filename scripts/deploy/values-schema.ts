import { SETTING_NAMES, SETTINGS } from '../../src/kernel/settings.ts';

type Schema = Readonly<Record<string, unknown>>;

/** Set by the chart itself, from what it mounts or where the image listens. */
const OF_THE_CHART = new Set([
  'PORT',
  'HOST',
  'ARTIFORTRESS_DATA_DIR',
  'ARTIFORTRESS_WORKER',
  'ARTIFORTRESS_SIGNING_KEY_FILE',
  'ARTIFORTRESS_OIDC_FILE',
  'ARTIFORTRESS_S3_CA_FILE',
  'ARTIFORTRESS_TLS_CERT_FILE',
  'ARTIFORTRESS_TLS_KEY_FILE',
]);

const TEXT: Schema = { type: 'string' };
const SWITCH: Schema = { type: 'boolean' };
const COUNT: Schema = { type: 'integer', minimum: 1 };
const ANY_OBJECT: Schema = { type: 'object' };
const TEXTS: Schema = { type: 'object', additionalProperties: TEXT };
const LIST: Schema = { type: 'array', items: ANY_OBJECT };
const STRATEGY: Schema = object({ type: { enum: ['Recreate', 'RollingUpdate'] }, rollingUpdate: ANY_OBJECT });
const RESOURCES: Schema = object({ requests: ANY_OBJECT, limits: ANY_OBJECT });

function object(properties: Readonly<Record<string, Schema>>): Schema {
  return { type: 'object', additionalProperties: false, properties };
}

function file(more: Readonly<Record<string, Schema>> = { key: { type: 'string', minLength: 1 } }): Schema {
  return object({ secret: TEXT, ...more });
}

/**
 * The schema that Helm holds the chart's values against. Its settings are those of the server, so that a misspelt one is refused by
 * `helm install` and not by a pod.
 */
export function valuesSchema(): string {
  const settings = SETTING_NAMES.map((name) => SETTINGS[name]).filter(({ env }) => !OF_THE_CHART.has(env));
  const open = settings.filter(({ secret }) => !secret);
  const secrets = settings.filter(({ secret }) => secret).map(({ env }) => env);
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $comment: 'Written by "npm run generate" from scripts/deploy/values-schema.ts and the settings of the server.',
    ...object({
      global: ANY_OBJECT,
      image: object({
        repository: { type: 'string', minLength: 1 },
        tag: TEXT,
        digest: { type: 'string', pattern: '^(sha256:[0-9a-f]{64})?$' },
        pullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'] },
        pullSecrets: LIST,
      }),
      settings: object(
        Object.fromEntries(
          open.map(({ env, description }) => [env, { type: ['string', 'number', 'boolean'], description }]),
        ),
      ),
      secret: object({
        existing: TEXT,
        values: object(
          Object.fromEntries([...secrets, 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'].map((env) => [env, TEXT])),
        ),
      }),
      files: object({ signingKey: file(), oidc: file(), s3Ca: file(), tls: file({}) }),
      server: object({
        replicas: COUNT,
        strategy: STRATEGY,
        resources: RESOURCES,
        nodeSelector: TEXTS,
        tolerations: LIST,
        affinity: ANY_OBJECT,
        topologySpreadConstraints: LIST,
        podAnnotations: TEXTS,
        podLabels: TEXTS,
        priorityClassName: TEXT,
      }),
      worker: object({ enabled: SWITCH, replicas: COUNT, strategy: STRATEGY, resources: RESOURCES }),
      shutdownMarginSeconds: { type: 'integer', minimum: 0 },
      service: object({
        type: { enum: ['ClusterIP', 'NodePort', 'LoadBalancer'] },
        port: { type: 'integer', minimum: 1, maximum: 65535 },
        annotations: TEXTS,
      }),
      ingress: object({
        enabled: SWITCH,
        className: TEXT,
        annotations: TEXTS,
        hosts: { type: 'array', items: TEXT },
        tlsSecret: TEXT,
      }),
      podDisruptionBudget: object({ enabled: SWITCH, maxUnavailable: { type: ['integer', 'string'] } }),
      autoscaling: object({
        enabled: SWITCH,
        minReplicas: COUNT,
        maxReplicas: COUNT,
        targetCPUUtilizationPercentage: { type: 'integer', minimum: 1, maximum: 100 },
      }),
      podMonitor: object({ enabled: SWITCH, interval: TEXT, labels: TEXTS }),
      networkPolicy: object({ enabled: SWITCH, from: LIST, to: LIST }),
      serviceAccount: object({ create: SWITCH, name: TEXT, annotations: TEXTS }),
    }),
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}
