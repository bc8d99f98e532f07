import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { HashFileWork } from './hash-file.ts';

const READ_BYTES = 1024 * 1024;

const { fd, lengthBytes }: HashFileWork = workerData;
const hash = createHash('sha256');
const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
let at = 0;

/** Reads on up to where the file is whole, and answers with the digest at its end. */
parentPort?.on('message', (frontBytes: number) => {
  while (at < frontBytes) {
    const bytesRead = readSync(fd, buffer, 0, Math.min(READ_BYTES, frontBytes - at), at);
    if (bytesRead === 0) throw new Error('the file was cut short');
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  if (at === lengthBytes) parentPort?.postMessage(hash.digest('hex'));
});
