import { z } from 'zod';
import { type RepoKey, repoKeySchema } from '../access/repo-key.ts';
import { optional, PRINTABLE, toTimestamp } from '../kernel/parse.ts';

const REPO_TYPES = ['local', 'remote', 'virtual'] as const;
export type RepoType = (typeof REPO_TYPES)[number];

const MAXIMUM_MEMBERS = 100;

const upstreamUrlSchema = z
  .string()
  .trim()
  .max(2048)
  .regex(PRINTABLE, 'must have no control characters')
  .refine((text) => /^https?:\/\/[^/\\]/i.test(text) && URL.canParse(text), 'must be an absolute http(s) URL')
  .refine((text) => !URL.canParse(text) || !hasCredentials(new URL(text)), 'must hold no credentials');

function hasCredentials({ username, password }: URL): boolean {
  return username !== '' || password !== '';
}

/** The body of `POST /v1/repos`: each type with the fields that it has, and no other. */
export const newRepositorySchema = z
  .object({
    repoKey: repoKeySchema,
    repoType: z.enum(REPO_TYPES),
    upstreamUrl: optional(upstreamUrlSchema),
    memberRepos: optional(z.array(repoKeySchema).max(MAXIMUM_MEMBERS)),
  })
  .superRefine((body, context) => {
    const problem = problemOf(body);
    if (problem !== undefined) context.addIssue({ code: 'custom', path: [problem.field], message: problem.message });
  });

export type NewRepository = z.output<typeof newRepositorySchema>;

function problemOf(body: {
  repoType: RepoType;
  upstreamUrl?: string | undefined;
  memberRepos?: RepoKey[] | undefined;
}): { field: string; message: string } | undefined {
  const members = body.memberRepos ?? [];
  if (body.repoType === 'remote' && body.upstreamUrl === undefined) {
    return { field: 'upstreamUrl', message: 'is needed for a remote repository' };
  }
  if (body.repoType !== 'remote' && body.upstreamUrl !== undefined) {
    return { field: 'upstreamUrl', message: `has no meaning for a ${body.repoType} repository` };
  }
  if (body.repoType === 'virtual' && members.length === 0) {
    return { field: 'memberRepos', message: 'must name at least one repository for a virtual repository' };
  }
  if (body.repoType !== 'virtual' && members.length > 0) {
    return { field: 'memberRepos', message: `has no meaning for a ${body.repoType} repository` };
  }
  if (new Set(members).size < members.length) return { field: 'memberRepos', message: 'names a repository twice' };
  return undefined;
}

export interface Repository {
  repoId: number;
  repoKey: RepoKey;
  repoType: RepoType;
  upstreamUrl: string | null;
  memberRepos: RepoKey[];
  createdAt: Date;
  createdBy: string;
  /** What it holds by itself: a virtual repository holds nothing. */
  blobCount: number;
  totalBytes: number;
}

export const repositorySchema = z.object({
  repoKey: z.string(),
  repoType: z.enum(REPO_TYPES),
  upstreamUrl: z.string().nullable(),
  memberRepos: z.array(z.string()),
  createdAtUtc: z.string(),
  createdBy: z.string(),
  blobCount: z.int().describe('Blobs that it holds.'),
  totalBytes: z.int().describe('Bytes of those blobs; shared ones count in each repository that holds them.'),
});

export function presentRepository(repository: Repository): z.input<typeof repositorySchema> {
  const { repoKey, repoType, upstreamUrl, memberRepos, createdBy, blobCount, totalBytes } = repository;
  const createdAtUtc = toTimestamp(repository.createdAt);
  return { repoKey, repoType, upstreamUrl, memberRepos, createdAtUtc, createdBy, blobCount, totalBytes };
}
