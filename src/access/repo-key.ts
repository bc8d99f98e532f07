import { z } from 'zod';
import { type Branded, brand } from '../kernel/parse.ts';

export type RepoKey = Branded<string, 'RepoKey'>;

/** A repository key: lowercased, 1 to 64 of `a-z 0-9 . _ -`, starting with a letter or a digit. */
export const repoKeySchema = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'must be 1 to 64 of a-z 0-9 . _ - and start with a letter or a digit')
  .transform((key) => brand<RepoKey>(key));
