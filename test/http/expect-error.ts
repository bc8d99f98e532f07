import { expect } from 'vitest';
import type { ErrorCode } from '../../src/kernel/errors.ts';
import type { Reply } from '../support/test-server.ts';

/** Holds an answer to the contract's one shape of an error ("Conventions"). */
export function expectError(reply: Pick<Reply, 'status' | 'headers' | 'json'>, status: number, code: ErrorCode): void {
  expect({ status: reply.status, body: reply.json }).toEqual({
    status,
    body: expect.objectContaining({
      error: code,
      message: expect.stringMatching(/\S/),
      requestId: reply.headers.get('x-request-id'),
    }),
  });
  expect(reply.headers.get('x-request-id')).toMatch(/\S/);
}
