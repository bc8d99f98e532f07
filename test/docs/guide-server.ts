import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/kernel/config.ts';
import { type RunningServer, startServer } from '../../src/main.ts';
import { startIssuer, writeOidcFile } from '../access/issuer.ts';
import { suiteLogger } from '../support/suite-logger.ts';
import { createTestDatabase } from '../support/test-database.ts';
import { type Example, type Typed, typeInOrder } from './examples.ts';

export const METRICS_TOKEN = 'reads-the-metrics-and-nothing-else';

export interface GuideServer extends AsyncDisposable {
  running: RunningServer;
  /** Where its reader is. */
  folder: string;
  /** Types the examples of a document as its reader would, who has the bootstrap token and a job's JWT. */
  type(examples: readonly Example[]): Promise<Typed>;
}

/** A server as a reader has it: its own clock, its worker at work, a CI system that it trusts. */
export async function startGuideServer(): Promise<GuideServer> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'artifortress-guide-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const database = await createTestDatabase();
  undo.defer(() => database.drop());
  const issuer = await startIssuer();
  undo.defer(() => issuer.close());
  const rules = [{ claims: { repository: 'org/app', ref: 'refs/heads/main' }, scopes: ['repo:libs:write'] }];
  const oidc = await writeOidcFile([
    { issuer: issuer.url, audience: 'artifortress', subject: 'ci:{repository}', rules },
  ]);
  undo.defer(() => oidc.remove());
  const bootstrapToken = randomBytes(24).toString('hex');
  const running = await startServer({
    settings: {
      ...loadConfig({}).settings,
      port: 0,
      databaseUrl: database.url,
      dataDirectory: join(folder, 'data'),
      bootstrapToken,
      metricsToken: METRICS_TOKEN,
      oidcFile: oidc.path,
      workerIntervalSeconds: 1,
    },
    log: suiteLogger(),
  });
  undo.defer(() => running.stop());
  const now = Math.floor(Date.now() / 1000);
  const jwt = await issuer.sign({
    iss: issuer.url,
    aud: 'artifortress',
    sub: 'job',
    iat: now,
    exp: now + 300,
    repository: 'org/app',
    ref: 'refs/heads/main',
  });
  const { PATH, HOME } = process.env;
  const environment = {
    PATH,
    HOME,
    ARTIFORTRESS_URL: running.url,
    BOOTSTRAP_TOKEN: bootstrapToken,
    CI_JOB_JWT: jwt,
  };
  const open = undo.move();
  return {
    running,
    folder,
    type: (examples) => typeInOrder(examples, folder, environment),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
