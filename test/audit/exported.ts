import { type VerifyOptions, verifyExport } from '../../src/audit/verify-export.ts';
import type { TestServer } from '../support/test-server.ts';

/** The lines of an export, as the server gives them. */
export async function exported(server: TestServer, fromBatch = 1): Promise<string[]> {
  const reply = await server.request('GET', `/v1/audit/export?fromBatch=${fromBatch}`);
  if (reply.status !== 200) throw new Error(`no export: ${reply.status} ${reply.bytes.toString()}`);
  return reply.bytes.toString().trimEnd().split('\n');
}

export async function verified(lines: readonly string[], options: VerifyOptions = {}) {
  return await verifyExport(streamOf(lines), options);
}

async function* streamOf(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}
