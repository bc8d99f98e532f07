import { copyFile, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, Server } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { reloadTls } from '../../src/http/tls.ts';
import { startServer } from '../../src/main.ts';
import { type Certificate, makeCertificate } from '../support/certificates.ts';
import { suiteLogger } from '../support/suite-logger.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';

let folder: string;
let first: Certificate;
let second: Certificate;
let served: Certificate;
/** Lends its database and folder: its own requests go by HTTP. */
let plain: TestServer;
let secure: Awaited<ReturnType<typeof startServer>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'artifortress-tls-'));
  first = await makeCertificate(folder, 'first');
  second = await makeCertificate(folder, 'second');
  served = { certificateFile: join(folder, 'served.crt'), keyFile: join(folder, 'served.key') };
  await use(first);
  plain = await startTestServer();
  secure = await startServer({ settings: settings(served), log: suiteLogger() });
});

afterAll(async () => {
  await secure.stop();
  await plain.close();
  await rm(folder, { recursive: true, force: true });
});

function settings({ certificateFile, keyFile }: Certificate) {
  const { settings: common } = plain.running.services;
  return { ...common, tlsCertificateFile: certificateFile, tlsKeyFile: keyFile };
}

async function use(certificate: Certificate): Promise<void> {
  await copyFile(certificate.certificateFile, served.certificateFile);
  await copyFile(certificate.keyFile, served.keyFile);
}

async function get(path: string, ca: Buffer): Promise<{ status: number; hsts: string | undefined; body: string }> {
  return await new Promise((resolve, reject) => {
    const sent = request(new URL(path, secure.url), { ca }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, hsts: response.headers['strict-transport-security'], body }),
      );
    });
    sent.on('error', reject).end();
  });
}

async function nameServed(port: number): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      const { subject } = socket.getPeerCertificate();
      socket.end();
      resolve(String(subject.CN));
    });
    socket.on('error', reject);
  });
}

describe('a server with a certificate', () => {
  test('serves HTTPS, and says so in its address and to browsers', async () => {
    const ca = await readFile(first.certificateFile);
    expect(secure.url).toMatch(/^https:/);
    const reply = await get('/health/live', ca);
    expect([reply.status, reply.hsts]).toEqual([200, 'max-age=31536000']);
    await expect(get('/health/live', await readFile(second.certificateFile))).rejects.toThrow(/certificate/);
  });

  test('answers no HTTP on that port', async () => {
    await expect(fetch(secure.url.replace('https:', 'http:'))).rejects.toThrow();
  });

  test.each([
    ['without a key', () => ({ ...settings(first), tlsKeyFile: undefined }), /go together/],
    ['with the key of another', () => settings({ ...first, keyFile: second.keyFile }), /ARTIFORTRESS_TLS_KEY_FILE/],
    ['with a file that is not there', () => settings({ ...first, certificateFile: '/none' }), /ENOENT/],
  ])('does not start %s, and says why', async (_name, wrong, reason) => {
    await expect(startServer({ settings: wrong(), log: suiteLogger() })).rejects.toThrow(reason);
  });
});

test('a changed certificate is served from then on, and one that does not fit its key is not', async () => {
  const server = new Server({ cert: await readFile(first.certificateFile), key: await readFile(first.keyFile) });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const stop = reloadTls(server, served, suiteLogger(), 10);
  const until = async (name: string) => {
    while ((await nameServed(port)) !== name) await new Promise((resolve) => setTimeout(resolve, 20));
  };

  await writeFile(served.certificateFile, await readFile(second.certificateFile));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await nameServed(port)).toBe('first');
  await rm(served.keyFile);
  await symlink(served.keyFile, served.keyFile);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await nameServed(port)).toBe('first');
  await rm(served.keyFile);
  await use(second);
  await until('second');
  stop();
  server.close();
});
