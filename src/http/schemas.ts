import { z } from 'zod';
import { repoKeySchema } from '../access/repo-key.ts';
import { digestSchema } from '../objects/digest.ts';
import { errorBodySchema } from './error-mapping.ts';

export const repositoryParams = z.object({ repoKey: repoKeySchema.describe('Key of the repository.') });

export const blobParams = repositoryParams.extend({
  digest: digestSchema.describe('SHA-256 in hex, with or without "sha256:" before it.'),
});

/** An answer of another kind than JSON. Its body is never serialized: bytes and streams pass as they are. */
export function bodyOf(contentType: string, description: string) {
  const schema = z.any().meta({ type: 'string', format: 'binary' });
  return { description, content: { [contentType]: { schema } } };
}

/** An answer that is all headers. */
export const noBody = z.undefined().optional().meta({ description: 'No body.' });

/** The answers of a route: its own, and the error body for everything that goes wrong. */
export function answers<Answers extends Record<number, z.ZodType | ReturnType<typeof bodyOf>>>(own: Answers) {
  return { ...own, '4xx': errorBodySchema, '5xx': errorBodySchema };
}
