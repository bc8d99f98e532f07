import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { expect, inject, test } from 'vitest';
import { sha256, uniqueBytes } from '../support/uploading.ts';
import { openBucket, type S3ServerName } from './bucket.ts';

const servers = inject('s3Servers');

/** Passes everything on, and remembers who asked for bodies. */
async function startWitness(endpoint: string) {
  const agents: string[] = [];
  const proxy = createServer((incoming, outgoing) => {
    if (incoming.method === 'GET' && incoming.headers.range !== undefined) {
      agents.push(incoming.headers['user-agent'] ?? 'none');
    }
    const { method = 'GET', headers, url = '/' } = incoming;
    const passed = forward(new URL(url, endpoint), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(outgoing);
    });
    passed.on('error', () => outgoing.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as AddressInfo; // oxlint-disable-line typescript/no-unsafe-type-assertion -- it listens on TCP
  return {
    agents,
    // Signatures are made for the address that the store knows.
    url: `http://127.0.0.1:${port}`,
    close: () => {
      proxy.closeAllConnections();
      proxy.close();
    },
  };
}

test.each<S3ServerName>(['minio', 'versitygw'])(
  '%s answers reads in the plain manner that is read the fast way',
  async (name) => {
    if (servers === null) return;
    const witness = await startWitness(servers[name].endpoint);
    const bucket = await openBucket(name, `fast-${Date.now()}/`, { endpoint: witness.url });
    const bytes = uniqueBytes(3_000_000);
    const key = await bucket.newKey();
    const { store } = bucket;
    await store.put(key, Readable.from([bytes]), bytes.length);
    const reader = await store.open(key, { start: 10, end: bytes.length - 1 });
    const buffer = Buffer.alloc(bytes.length);
    const count = await reader.read(buffer);
    await reader.close();
    expect(sha256(buffer.subarray(0, count))).toBe(sha256(bytes.subarray(10)));
    expect(witness.agents).toEqual(['none']);
    await bucket.close();
    witness.close();
  },
);
