import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { SETTING_NAMES, SETTINGS } from '../../../src/kernel/settings.ts';
import { findCheckers } from './checkers.ts';
import { type Manifest, manifestSchema } from './manifests.ts';

const CHART = join(import.meta.dirname, '..', '..', '..', 'deploy', 'helm', 'artifortress');
const MONITORING = join(CHART, '..', '..', 'monitoring');
/** The newest that kubectl-validate has the schemas of. */
const KUBERNETES = '1.30';

const LEAST = {
  settings: { ARTIFORTRESS_PUBLIC_URL: 'https://artifacts.example.com', ARTIFORTRESS_S3_BUCKET: 'artifacts' },
  secret: { existing: 'artifortress-secrets' },
};

/** Everything that can be switched on. */
const FULL = {
  image: { digest: `sha256:${'a'.repeat(64)}`, pullSecrets: [{ name: 'registry' }] },
  settings: {
    ...LEAST.settings,
    ARTIFORTRESS_MAX_ARTIFACT_BYTES: 5_497_558_138_880,
    ARTIFORTRESS_S3_FORCE_PATH_STYLE: true,
    ARTIFORTRESS_SHUTDOWN_GRACE_SECONDS: 40,
  },
  secret: {
    values: { DATABASE_URL: 'postgres://u:p@db/artifortress', ARTIFORTRESS_METRICS_TOKEN: 'metrics-token-123456' },
  },
  files: {
    signingKey: { secret: 'keys' },
    oidc: { secret: 'oidc' },
    s3Ca: { secret: 'ca' },
    tls: { secret: 'tls' },
  },
  server: {
    podLabels: { team: 'build' },
    podAnnotations: { note: 'here' },
    nodeSelector: { disk: 'fast' },
    tolerations: [{ key: 'a', operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
    priorityClassName: 'high',
  },
  worker: { replicas: 2, strategy: { type: 'RollingUpdate' } },
  service: { annotations: { a: 'b' }, type: 'LoadBalancer' },
  ingress: {
    enabled: true,
    className: 'nginx',
    hosts: ['artifacts.example.com'],
    tlsSecret: 'web',
    annotations: { a: 'b' },
  },
  autoscaling: { enabled: true },
  podMonitor: { enabled: true, labels: { release: 'prometheus' } },
  networkPolicy: {
    enabled: true,
    from: [{ namespaceSelector: {} }],
    to: [{ ipBlock: { cidr: '10.0.0.0/8' } }],
  },
  serviceAccount: { name: 'artifacts', annotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::1:role/x' } },
};

/** Rules of kube-score that the chart breaks on purpose. */
const IGNORED = [
  // A tag is a released version, and never moves.
  'container-image-pull-policy',
  // Spread constraints do it, and let pods share a node where there is one only.
  'deployment-has-host-podantiaffinity',
  // Switched on by a value: what may be reached differs from cluster to cluster.
  'pod-networkpolicy',
];

const checkers = await findCheckers();

describe.skipIf(checkers === null)('the chart', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'artifortress-chart-'));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function helm(command: 'lint' | 'template', values: unknown, ...more: string[]) {
    const file = join(folder, `${Math.random()}.yaml`);
    await writeFile(file, stringify(values));
    const target = command === 'lint' ? ['lint', '--strict'] : ['template', 'release', '--kube-version', KUBERNETES];
    const ran = await checkers?.check('helm', ...target, CHART, '--values', file, ...more);
    if (ran === undefined) throw new Error('no checkers');
    return ran;
  }

  async function render(values: unknown): Promise<{ text: string; manifests: Manifest[] }> {
    const { code, output } = await helm('template', values);
    expect(code, output).toBe(0);
    const manifests = parseAllDocuments(output).map((document) => manifestSchema.parse(document.toJS()));
    return { text: output, manifests };
  }

  const of = (manifests: Manifest[], kind: string) => manifests.filter((manifest) => manifest.kind === kind);

  test.each([
    ['the least values', LEAST],
    ['everything on', FULL],
    ['no worker of its own', { ...LEAST, worker: { enabled: false } }],
  ])(
    'with %s it is clean by helm, and what it renders is by the schemas of Kubernetes and by kube-score',
    async (name, values) => {
      const lint = await helm('lint', values);
      expect(lint.code, lint.output).toBe(0);
      const { text } = await render(values);
      // The one kind that is no part of Kubernetes.
      const native = text.split(/^---$/m).filter((each) => !each.includes('kind: PodMonitor'));
      const file = join(folder, `${name.replaceAll(' ', '-')}.yaml`);
      await writeFile(file, native.join('---'));
      const valid = await checkers?.check('kubectl-validate', '--version', KUBERNETES, file);
      expect(valid?.code, valid?.output).toBe(0);
      const score = await checkers?.check(
        'kube-score',
        'score',
        // A limit throttles a server that the node has time for.
        '--ignore-container-cpu-limit',
        ...IGNORED.flatMap((rule) => ['--ignore-test', rule]),
        file,
      );
      expect(score?.code, score?.output).toBe(0);
    },
  );

  test('the validator refuses a field that Kubernetes has not', async () => {
    const { text } = await render(LEAST);
    const file = join(folder, 'wrong.yaml');
    await writeFile(file, text.replaceAll('readOnlyRootFilesystem', 'readOnlyRootFileSystem'));
    expect((await checkers?.check('kubectl-validate', '--version', KUBERNETES, file))?.code).not.toBe(0);
  });

  test('every pod runs without rights, on a read-only root, with probes that keep an outage of the database from restarting it', async () => {
    const { manifests } = await render(FULL);
    const pods = of(manifests, 'Deployment').map(({ spec }) => spec?.template?.spec);
    expect(pods).toHaveLength(2);
    for (const pod of pods) {
      expect(pod?.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      expect(pod?.automountServiceAccountToken).toBe(false);
      expect(pod?.containers?.[0]).toMatchObject({
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
        livenessProbe: { httpGet: { path: '/health/live', scheme: 'HTTPS' } },
        readinessProbe: { httpGet: { path: '/health/ready' } },
      });
    }
  });

  test('no variable of a Service reaches the server, which refuses settings that it does not know', async () => {
    const { manifests } = await render(LEAST);
    for (const { spec } of of(manifests, 'Deployment')) expect(spec?.template?.spec?.enableServiceLinks).toBe(false);
  });

  test('a pod is given time for the traffic that still comes, for its requests, and to close', async () => {
    const timesOf = async (settings: Record<string, number>) => {
      const { manifests } = await render({ ...LEAST, settings: { ...LEAST.settings, ...settings } });
      const [settingsOfPods] = of(manifests, 'ConfigMap');
      return [
        settingsOfPods?.data?.ARTIFORTRESS_SHUTDOWN_DELAY_SECONDS,
        of(manifests, 'Deployment')[0]?.spec?.template?.spec?.terminationGracePeriodSeconds,
      ];
    };
    // 15 to close, and the grace of the settings: 20 unless set.
    expect(await timesOf({})).toEqual(['5', 5 + 20 + 15]);
    expect(await timesOf({ ARTIFORTRESS_SHUTDOWN_DELAY_SECONDS: 8, ARTIFORTRESS_SHUTDOWN_GRACE_SECONDS: 40 })).toEqual([
      '8',
      8 + 40 + 15,
    ]);
    expect(await timesOf({ ARTIFORTRESS_SHUTDOWN_DELAY_SECONDS: 0 })).toEqual(['0', 20 + 15]);
  });

  test('the servers leave what works by the clock to the worker, and do it themselves where there is none', async () => {
    const workersIn = async (values: unknown) =>
      of((await render(values)).manifests, 'Deployment').map(
        ({ metadata, spec }) =>
          `${metadata.name}: ${spec?.template?.spec?.containers?.[0]?.env?.find(({ name }) => name === 'ARTIFORTRESS_WORKER')?.value}`,
      );
    expect(await workersIn(LEAST)).toEqual(['release-artifortress: false', 'release-artifortress-worker: true']);
    expect(await workersIn({ ...LEAST, worker: { enabled: false } })).toEqual(['release-artifortress: true']);
  });

  test('the pods of an old version end before those of a new one start, unless told otherwise', async () => {
    const strategiesIn = async (values: unknown) =>
      of((await render(values)).manifests, 'Deployment').map(({ spec }) => spec?.strategy);
    const ends = { type: 'Recreate', rollingUpdate: null };
    expect(await strategiesIn(LEAST)).toEqual([ends, ends]);
    const rolling = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
    const given = { ...LEAST, server: { strategy: rolling }, worker: { strategy: { type: 'RollingUpdate' } } };
    expect(await strategiesIn(given)).toEqual([rolling, { type: 'RollingUpdate' }]);
  });

  test('settings arrive as they were written: no number in the form 5.49e+12', async () => {
    const { manifests } = await render(FULL);
    expect(of(manifests, 'ConfigMap')[0]?.data).toMatchObject({
      ARTIFORTRESS_MAX_ARTIFACT_BYTES: '5497558138880',
      ARTIFORTRESS_S3_FORCE_PATH_STYLE: 'true',
      ARTIFORTRESS_SIGNING_KEY_FILE: '/etc/artifortress/signing-key/signing.pem',
    });
  });

  test('every file that a setting names is mounted where it says', async () => {
    const { manifests } = await render(FULL);
    const files = Object.entries(of(manifests, 'ConfigMap')[0]?.data ?? {}).filter(([name]) => name.endsWith('_FILE'));
    expect(files).toHaveLength(5);
    const mounts = of(manifests, 'Deployment')[0]?.spec?.template?.spec?.containers?.[0]?.volumeMounts ?? [];
    for (const [name, path] of files)
      expect(
        mounts.filter(({ mountPath }) => path.startsWith(`${mountPath}/`)),
        name,
      ).toHaveLength(1);
  });

  test('the metrics of every pod are of the job that the alert rules and the dashboard ask for', async () => {
    const { manifests } = await render(FULL);
    // The operator takes the job's name from this label of the pod.
    const label = of(manifests, 'PodMonitor')[0]?.spec?.jobLabel ?? '';
    const jobs = of(manifests, 'Deployment').map(({ spec }) => spec?.template?.metadata?.labels?.[label]);
    expect(jobs).toEqual(['artifortress', 'artifortress']);
    const files = ['artifortress.rules.yml', 'grafana-dashboard.json'].map((name) => join(MONITORING, name));
    const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
    const asked = texts.flatMap((text) => [...text.matchAll(/\bjob=\\?"([^"\\]+)/g)].map(([, job]) => job));
    expect(asked.length).toBeGreaterThan(6);
    expect(new Set(asked)).toEqual(new Set(jobs));
  });

  test('every name that it sets in the environment is a setting of the server', async () => {
    const { manifests } = await render(FULL);
    const known = new Set<string>(SETTING_NAMES.map((name) => SETTINGS[name].env));
    const set = [...Object.keys(of(manifests, 'ConfigMap')[0]?.data ?? {}), 'ARTIFORTRESS_WORKER'];
    expect(set.filter((name) => !known.has(name))).toEqual([]);
  });

  test.each([
    [
      'no bucket',
      { ...LEAST, settings: { ARTIFORTRESS_PUBLIC_URL: 'https://a' } },
      'ARTIFORTRESS_S3_BUCKET is not set',
    ],
    [
      'no public address',
      { ...LEAST, settings: { ARTIFORTRESS_S3_BUCKET: 'b' } },
      'ARTIFORTRESS_PUBLIC_URL is not set',
    ],
    ['no database', { settings: LEAST.settings }, 'no DATABASE_URL'],
    [
      'a misspelt setting',
      { ...LEAST, settings: { ...LEAST.settings, ARTIFORTRESS_UPLOAD_TTL: 60 } },
      'ARTIFORTRESS_UPLOAD_TTL',
    ],
    [
      'a secret among the settings',
      { ...LEAST, settings: { ...LEAST.settings, DATABASE_URL: 'postgres://x' } },
      'DATABASE_URL',
    ],
    ['an ingress without hosts', { ...LEAST, ingress: { enabled: true } }, 'ingress.hosts is empty'],
    ['a strategy that is none', { ...LEAST, server: { strategy: { type: 'Rolling' } } }, 'server'],
    ['a misspelt value', { ...LEAST, replicas: 3 }, 'replicas'],
  ])('%s is refused before anything is installed', async (_what, values, message) => {
    const { code, output } = await helm('template', values);
    expect(code).not.toBe(0);
    expect(output).toContain(message);
  });
});
