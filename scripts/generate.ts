import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Registry } from 'prom-client';
import { createAuthenticationFailures } from '../src/access/failures.ts';
import { createLastUseRecorder } from '../src/access/last-use.ts';
import { hashSecret } from '../src/access/model.ts';
import { createJwtVerifier } from '../src/access/verify-jwt.ts';
import { createDenialRecorder } from '../src/audit/denials.ts';
import { createDownloads } from '../src/blobs/downloads.ts';
import { describeCommand } from '../src/cli/command-tree.ts';
import { createContext } from '../src/cli/context.ts';
import { processEnvironment } from '../src/cli/environment.ts';
import { manPage } from '../src/cli/man-page.ts';
import { buildFullProgram } from '../src/cli/program.ts';
import { createAdmission } from '../src/http/admission.ts';
import { createServer, type HttpServer } from '../src/http/server.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { loadConfig } from '../src/kernel/config.ts';
import { openDatabase } from '../src/kernel/database.ts';
import { createIds } from '../src/kernel/ids.ts';
import { createLogger } from '../src/kernel/log.ts';
import { CONFIG_FILE_VARIABLE, SETTING_NAMES, SETTINGS } from '../src/kernel/settings.ts';
import { NO_TRACER } from '../src/kernel/tracer.ts';
import { readVersion } from '../src/kernel/version.ts';
import type { Signer } from '../src/keys/model.ts';
import { KNOWN_LABELS } from '../src/metrics/known-labels.ts';
import { createMetrics } from '../src/metrics/metrics.ts';
import { registerStateMetrics } from '../src/metrics/state-metrics.ts';
import { createPartUrlSigner } from '../src/objects/filesystem/part-url.ts';
import { openFilesystemStore } from '../src/objects/filesystem/store.ts';
import { createHashPool } from '../src/uploads/hash-pool.ts';
import { createStreamedUploads } from '../src/uploads/streamed-uploads.ts';
import { createVerifications } from '../src/uploads/verifications.ts';
import { clientReference } from './client-reference.ts';
import { dashboard } from './dashboard/dashboard.ts';
import { STAMPED_FILES, stamped } from './deploy/stamp.ts';
import { valuesSchema } from './deploy/values-schema.ts';
import { metricsPage } from './metrics-page.ts';

// Writes the documents that are made from the code: `node scripts/generate.ts`. With `--check` it writes nothing, and exits with 1
// where one of them is out of date.

const PUBLIC_URL = 'http://127.0.0.1:8080';

/** Every generated file, by its path from the root of the repository. */
const GENERATORS: Readonly<Record<string, () => string | Promise<string>>> = {
  'docs/configuration.md': configurationPage,
  'docs/openapi.json': openApiDocument,
  'docs/artifortress.1': commandManual,
  'docs/client-reference.md': clientReference,
  'deploy/monitoring/grafana-dashboard.json': dashboard,
  'docs/metrics.md': () => withOfflineServer(({ registry }) => metricsPage(registry)),
  'deploy/helm/artifortress/values.schema.json': valuesSchema,
  ...Object.fromEntries(STAMPED_FILES.map((file) => [file, () => stamped(file)])),
};

/** The commands as the command line itself builds them; none is run. */
async function commandManual(): Promise<string> {
  const context = createContext(processEnvironment());
  return manPage(describeCommand(await buildFullProgram(context)), readVersion());
}

function configurationPage(): string {
  const rows = SETTING_NAMES.map((name) => {
    const { env, fallback, description, secret } = SETTINGS[name];
    return `| \`${env}\` | ${fallback === undefined || fallback === '' ? '–' : `\`${fallback}\``} | ${cell(description)} | ${secret ? 'yes' : ''} |`;
  });
  return `# Configuration

<!-- Generated from src/kernel/settings.ts by "npm run generate": change it there. -->

The server reads its settings from the environment, and from the file that \`${CONFIG_FILE_VARIABLE}\` names, if it names one: lines of
\`NAME=value\`, in which \`#\` starts a comment. The environment wins over the file. An empty value counts as not set.

A name that starts with \`ARTIFORTRESS_\` and is none of these, any other name in the file, and a value that is out of bounds are errors
at start: the message names all of them at once. \`artifortress config\` prints the settings in force, with where each one came from and
with secrets hidden.

| name | default | meaning | secret |
|---|---|---|---|
${rows.join('\n')}

Sizes are bytes. The command line has variables of its own, which the server ignores: see [cli.md](cli.md#environment).
`;
}

/** Text as a cell of a Markdown table. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

/** Nothing is signed here. */
const NO_SIGNER: Signer = {
  installationId: '',
  keyId: '',
  sign: () => {
    throw new Error('there is no key');
  },
};

/** The document that a server with default settings serves at `/openapi.json`, its keys sorted so that it changes only where the API does. */
async function openApiDocument(): Promise<string> {
  return await withOfflineServer(({ app }) => `${JSON.stringify(sortKeys(app.swagger()), null, 2)}\n`);
}

/** Lends a server with default settings that has everything but a database and a port. */
async function withOfflineServer(
  make: (server: { app: HttpServer['app']; registry: Registry }) => string | Promise<string>,
): Promise<string> {
  await using undo = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), 'artifortress-generate-'));
  undo.defer(() => rm(root, { recursive: true, force: true }));
  const { settings } = loadConfig({});
  const log = createLogger('fatal');
  const clock = systemClock;
  const ids = createIds(clock);
  // No statement runs, so that no connection is ever made.
  const db = openDatabase({ target: { host: root, port: 1, user: '', database: '' }, poolSize: 1, log });
  undo.defer(() => db.close());
  const publicUrl = () => PUBLIC_URL;
  const signer = createPartUrlSigner(Buffer.alloc(0), publicUrl);
  const store = await openFilesystemStore({ root, signer, clock, ids });
  const downloads = createDownloads(settings);
  const hashPool = createHashPool({ driver: 'filesystem', root }, { threads: 1, waiting: 1 });
  const verifications = createVerifications({ db, clock, ids, log, tracer: NO_TRACER }, hashPool, () =>
    Promise.resolve(),
  );
  const streamedUploads = createStreamedUploads(settings);
  const metrics = createMetrics({ version: readVersion(), known: KNOWN_LABELS });
  const services = {
    db,
    objects: store,
    clock,
    ids,
    log,
    settings,
    downloads,
    streamedUploads,
    metrics,
    tracer: NO_TRACER,
    publicUrl,
    verifications,
    signer: NO_SIGNER,
  };
  const denials = createDenialRecorder(services);
  const pool = () => db.poolState();
  const admission = createAdmission(settings, pool);
  const failures = createAuthenticationFailures(clock, settings);
  const { app } = await createServer(services, {
    version: readVersion(),
    authorize: {
      ...services,
      bootstrapSha256: hashSecret(''),
      denials,
      lastUses: createLastUseRecorder(services),
      failures,
    },
    jwts: createJwtVerifier([], clock),
    admission,
    partContent: { store, signer },
    uploadOrigins: [],
    tls: undefined,
    isAccepting: () => true,
  });
  undo.defer(() => app.close());
  const worker = { backlog: () => undefined, roundAt: () => undefined };
  const sources = { pool, downloads, streamedUploads, admission, hashPool, verifications, denials, worker };
  registerStateMetrics(metrics.registry, sources);
  return await make({ app, registry: metrics.registry });
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sortKeys(inner)]));
}

const isCheck = process.argv.includes('--check');
const repositoryRoot = join(import.meta.dirname, '..');
for (const [path, generate] of Object.entries(GENERATORS)) {
  const file = join(repositoryRoot, path);
  const wanted = await generate();
  const found = await readFile(file, 'utf8').catch(() => undefined);
  if (found === wanted) continue;
  if (isCheck) {
    process.stderr.write(`${path} is out of date: run "npm run generate".\n`);
    process.exitCode = 1;
  } else {
    await writeFile(file, wanted);
    process.stdout.write(`${path} written\n`);
  }
}
