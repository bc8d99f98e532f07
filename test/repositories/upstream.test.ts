import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isPrivateUpstream } from '../../src/repositories/upstream.ts';
import { expectError } from '../http/expect-error.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';

describe('an upstream', () => {
  test.each([
    'http://127.0.0.1/',
    'http://127.1/',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0177.0.0.1/',
    'http://0/',
    'http://10.1.2.3/',
    'http://172.16.0.1/',
    'http://172.31.255.255/',
    'http://192.168.1.1/',
    'http://100.64.0.1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://224.0.0.1/',
    'http://255.255.255.255/',
    'http://[::1]/',
    'http://[::]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:a9fe:a9fe]/',
    'http://[fd00::1]/',
    'http://[fe80::1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://[2002:7f00:1::]/',
    'http://localhost/',
    'http://LOCALHOST./',
    'http://api.localhost/',
    'http://metadata.google.internal/',
    'http://printer.local/',
    'http://①②⑦.0.0.1/',
    'http://127.0.0.1./',
    'http://[::127.0.0.1]/',
    'http://[0:0:0:0:0:ffff:10.0.0.1]/',
    'http://[2001:0:7f00:1::]/',
    'http://[fec0::1]/',
    'http://%31%32%37.0.0.1/',
    'http://127。0。0。1/',
    'http://database/',
    'http://kubernetes.default.svc/',
    'http://nas.lan/',
  ])('%s is on this machine or in a private network', (url) => {
    expect(isPrivateUpstream(url)).toBe(true);
  });

  test.each([
    'https://registry.example.com/npm',
    'http://8.8.8.8/',
    'http://172.32.0.1/',
    'http://100.128.0.1/',
    'http://11.0.0.1/',
    'http://[2606:4700::1111]/',
    'http://localhost.example.com/',
    'http://notlocal.example/',
  ])('%s is not', (url) => {
    expect(isPrivateUpstream(url)).toBe(false);
  });
});

describe('a remote repository with an upstream in a private network', () => {
  let strict: TestServer;
  let lenient: TestServer;
  const body = { repoKey: 'mirror', repoType: 'remote', upstreamUrl: 'http://169.254.169.254/' };

  beforeAll(async () => {
    strict = await startTestServer();
    lenient = await startTestServer({ settings: { allowPrivateUpstreams: true } });
  });

  afterAll(async () => {
    await strict.close();
    await lenient.close();
  });

  test('is refused, and the message names the setting', async () => {
    const reply = await strict.request('POST', '/v1/repos', { json: body });
    expectError(reply, 400, 'bad_request');
    expect(reply.json.message).toContain('ARTIFORTRESS_ALLOW_PRIVATE_UPSTREAMS');
  });

  test('is made where the setting allows it', async () => {
    expect((await lenient.request('POST', '/v1/repos', { json: body })).status).toBe(201);
  });
});
