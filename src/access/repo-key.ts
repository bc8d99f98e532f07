import { z } from 'zod';
import { type Branded, brand } from '../kernel/parse.ts';

export type RepoKey = Branded<string, 'RepoKey'>;

/** A repository key: lowercased, 1 to 64 of `a-z 0-9 . _ -`, starting with a letter or a digit. */
export const repoKeySchema = z
  .string()
  .trim()
  // Before it is lowercased: letters of other alphabets have small ones in this (U+212A, the sign of Kelvin).
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be 1 to 64 of a-z 0-9 . _ - and start with a letter or a digit')
  .toLowerCase()
  .transform((key) => brand<RepoKey>(key));
