import { z } from 'zod';
import { digestSchema } from '../objects/digest.ts';
import { type ObjectKey, parseObjectKey } from '../objects/keys.ts';

const objectKeySchema = z.string().transform((text, context): ObjectKey => {
  const parsed = parseObjectKey(text);
  if (parsed !== undefined) return parsed.key;
  context.addIssue({ code: 'custom', message: 'is no object key' });
  return z.NEVER;
});

/** Every kind of background work, with what its row carries. Handlers may run again after a crash, and must not mind. */
export const JOB_PAYLOADS = {
  /** Removes what an upload left under its key: at once, and once more for bytes that were still on their way. */
  'object.purge': z.object({ objectKey: objectKeySchema, againAt: z.iso.datetime().optional() }),
  /** Removes the object of a blob that nothing refers to, and then the blob. */
  'blob.delete': z.object({
    digest: digestSchema,
    objectKey: objectKeySchema.nullable(),
    condemnedAt: z.iso.datetime(),
  }),
  /** Drops the references of a deleted repository. */
  'repository.drain': z.object({ repoId: z.int(), repoKey: z.string() }),
} as const;

export type JobKind = keyof typeof JOB_PAYLOADS;
export type JobPayload<Kind extends JobKind> = z.output<(typeof JOB_PAYLOADS)[Kind]>;
