import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, stat, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/**
 * What the machine and Node give at best to a server that keeps its word about bytes and nothing more: no database, no
 * tokens, no sessions. `PUT /<digest>` hashes, writes, fsyncs file and folder; `GET /<digest>` reads, with ranges.
 * Usage: node bare-server.ts <port> <folder>
 */
const [portText = '', folder = ''] = process.argv.slice(2);

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    response.destroy();
  });
});
server.listen(Number(portText), '127.0.0.1');
process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const digest = /^\/([0-9a-f]{64})$/.exec(request.url ?? '')?.[1];
  if (digest === undefined) {
    response.writeHead(404, { 'Content-Length': 0 }).end();
    return;
  }
  const path = join(folder, digest);
  if (request.method === 'PUT') await receive(request, response, path, digest);
  else await send(request, response, path);
}

async function receive(request: IncomingMessage, response: ServerResponse, path: string, digest: string) {
  const temporaryPath = `${path}.${randomUUID()}`;
  const sha256 = createHash('sha256');
  request.on('data', (chunk: Buffer) => sha256.update(chunk));
  // `flush` is the fsync of the file, before its close.
  await pipeline(request, createWriteStream(temporaryPath, { flags: 'wx', flush: true }));
  if (sha256.digest('hex') !== digest) {
    await unlink(temporaryPath);
    response.writeHead(409, { 'Content-Length': 0 }).end();
    return;
  }
  await rename(temporaryPath, path);
  await syncFolder();
  response.writeHead(201, { 'Content-Length': 0 }).end();
}

async function syncFolder(): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function send(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
  const { size } = await stat(path);
  const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  if (match === null) {
    response.writeHead(200, { 'Content-Length': size });
    await pipeline(createReadStream(path), response);
    return;
  }
  const start = Number(match[1]);
  const last = Math.min(Number(match[2]), size - 1);
  const headers = { 'Content-Length': last - start + 1, 'Content-Range': `bytes ${start}-${last}/${size}` };
  response.writeHead(206, headers);
  await pipeline(createReadStream(path, { start, end: last }), response);
}
