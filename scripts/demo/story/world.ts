import { createHash, randomBytes } from 'node:crypto';
import type { Actor, Stage } from '../stage.ts';

/** Who and what the story is about. */
export interface World {
  /** Takes the artifact. */
  repoKey: string;
  /** Belongs to somebody who may not see the other. */
  otherKey: string;
  admin: Actor;
  writer: Actor;
  reader: Actor;
  stranger: Actor;
  artifact: Artifact;
}

export interface Artifact {
  bytes: Buffer;
  digest: string;
  /** In two parts; the first is as small as S3 lets a part be that is not the last. */
  parts: readonly Buffer[];
}

const FIRST_PART_BYTES = 5 * 1024 ** 2;
const SECOND_PART_BYTES = 1024 ** 2;

/** Bytes that no installation can have yet. */
export function makeArtifact(): Artifact {
  const bytes = randomBytes(FIRST_PART_BYTES + SECOND_PART_BYTES);
  return {
    bytes,
    digest: sha256(bytes),
    parts: [bytes.subarray(0, FIRST_PART_BYTES), bytes.subarray(FIRST_PART_BYTES)],
  };
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export interface Session {
  uploadId: string;
  path: string;
  expiresAt: Date;
}

/** Declares these bytes. @returns the session that waits for them. */
export async function createSession(stage: Stage, actor: Actor, repoKey: string, bytes: Buffer): Promise<Session> {
  const created = await stage.send(actor, 'POST', `/v1/repos/${repoKey}/uploads`, {
    json: { expectedDigest: sha256(bytes), expectedLength: bytes.length },
  });
  const uploadId = created.text('uploadId');
  return {
    uploadId,
    path: `/v1/repos/${repoKey}/uploads/${uploadId}`,
    expiresAt: new Date(created.text('expiresAtUtc')),
  };
}

/** The headers that a part request says to send. */
export function headersOf(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, String(text)]));
}
