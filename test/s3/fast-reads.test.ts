import { expect, inject, test } from 'vitest';
import { type StoreCall, startFaultProxy } from '../support/fault-proxy.ts';
import { bodyOf, sha256, uniqueBytes } from '../support/uploading.ts';
import { openBucket, type S3ServerName } from './bucket.ts';

const servers = inject('s3Servers');

test.each<S3ServerName>(['minio', 'versitygw'])(
  '%s answers reads in the plain manner that is read the fast way',
  async (name) => {
    if (servers === null) return;
    await using proxy = await startFaultProxy(servers[name].endpoint);
    const isRead = ({ method, headers }: StoreCall) => method === 'GET' && headers.range !== undefined;
    // Keeps nothing back: only the calls are wanted.
    const reads = proxy.inject({ kind: 'strip', headers: [] }, isRead);
    const bucket = await openBucket(name, `fast-${Date.now()}/`, { endpoint: proxy.url });
    const bytes = uniqueBytes(3_000_000);
    const key = await bucket.newKey();
    const { store } = bucket;
    await store.put(key, bodyOf(bytes), bytes.length);
    const reader = await store.open(key, { start: 10, end: bytes.length - 1 });
    const buffer = Buffer.alloc(bytes.length);
    const count = await reader.read(buffer);
    await reader.close();
    expect(sha256(buffer.subarray(0, count))).toBe(sha256(bytes.subarray(10)));
    expect(reads).toHaveLength(1);
    // The SDK would name itself.
    expect(reads[0]?.headers).not.toHaveProperty('user-agent');
    await bucket.close();
  },
);
