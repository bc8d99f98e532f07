import {
  anything,
  flag,
  integer,
  isRecord,
  list,
  mapOf,
  object,
  orNull,
  type Parser,
  record,
  text,
  word,
} from './parse.ts';
import {
  type AbortedUpload,
  type AuditCheckpoint,
  type AuditFollowPage,
  type AuditProof,
  type AuditRow,
  type Binding,
  type BlobRecord,
  type CompletedUpload,
  type CreatedUpload,
  type DeletedRepository,
  type DependencyHealth,
  type Envelope,
  type HeldPart,
  type Identity,
  type IssuedToken,
  type NextAction,
  type Page,
  type PartBounds,
  type PresignedPart,
  type PublicKey,
  type PutBlob,
  REPOSITORY_TYPES,
  type Readiness,
  type Repository,
  type RevokedToken,
  type ServiceInfo,
  type StoreCapability,
  type TokenRecord,
  UPLOAD_STATES,
  type UploadDetails,
  type UploadSummary,
} from './types.ts';

/** The contract's answers as parsers, one for each route. */
export const parsePage = <T>(item: Parser<T>): Parser<Page<T>> =>
  object<Page<T>>({ items: list(item), nextCursor: orNull(text) });

export const parseIssuedToken = object<IssuedToken>({
  tokenId: text,
  token: text,
  subject: text,
  scopes: list(text),
  expiresAtUtc: text,
});

export const parseTokenRecord = object<TokenRecord>({
  tokenId: text,
  subject: text,
  scopes: list(text),
  fromBindings: orNull(flag),
  issuedAtUtc: orNull(text),
  issuedBy: orNull(text),
  expiresAtUtc: text,
  lastUsedAtUtc: orNull(text),
  revokedAtUtc: orNull(text),
});

export const parseRevokedToken = object<RevokedToken>({ tokenId: text, status: text });

export const parseIdentity = object<Identity>({
  subject: text,
  scopes: list(text),
  tokenId: text,
  expiresAtUtc: text,
});

export const parseRepository = object<Repository>({
  repoKey: text,
  repoType: word(REPOSITORY_TYPES),
  upstreamUrl: orNull(text),
  memberRepos: orNull(list(text)),
  createdAtUtc: orNull(text),
  blobCount: orNull(integer),
  totalBytes: orNull(integer),
});

export const parseDeletedRepository = object<DeletedRepository>({ repoKey: text, status: text });

export const parseBinding = object<Binding>({
  repoKey: text,
  subject: text,
  roles: list(text),
  updatedAtUtc: text,
});

export const parseAuditRow = object<AuditRow>({
  auditId: (value, at) => (typeof value === 'number' ? String(value) : text(value, at)),
  tenantId: text,
  actor: text,
  action: text,
  resourceType: text,
  resourceId: text,
  repoKey: orNull(text),
  occurredAtUtc: text,
  requestId: orNull(text),
  details: anything,
});

export const parseAuditFollowPage = object<AuditFollowPage>({ items: list(parseAuditRow), nextCursor: text });

export const parseEnvelope = object<Envelope>({
  payloadType: text,
  payload: text,
  signatures: list(object<Envelope['signatures'][number]>({ keyid: text, sig: text })),
});

export const parsePublicKey = object<PublicKey>({
  keyId: text,
  algorithm: text,
  createdAtUtc: text,
  jwk: object<PublicKey['jwk']>({ kty: text, crv: text, x: text }),
  pem: text,
});

export const parseAuditCheckpoint = object<AuditCheckpoint>({
  batch: integer,
  rows: integer,
  sealedAtUtc: text,
  hash: text,
  rowsRemoved: flag,
  checkpoint: parseEnvelope,
});

export const parseAuditProof = object<AuditProof>({
  row: parseAuditRow,
  index: integer,
  path: list(text),
  checkpoint: parseEnvelope,
});

const parsePartBounds = object<PartBounds>({
  minimumPartSizeBytes: integer,
  suggestedPartSizeBytes: integer,
  maximumPartSizeBytes: integer,
  maximumPartNumber: integer,
});

const parseNextAction: Parser<NextAction> = (value, at) => {
  const action = text(record(value, at).action, `${at}.action`);
  if (action === 'upload_parts') return { action, ...parsePartBounds(value, at) };
  return action === 'commit' ? { action } : { action: 'unknown', name: action };
};

export const parseCreatedUpload = object<CreatedUpload>({
  uploadId: text,
  repoKey: text,
  expectedDigest: text,
  expectedLength: integer,
  state: word(UPLOAD_STATES),
  deduped: flag,
  expiresAtUtc: orNull(text),
  nextAction: orNull(parseNextAction),
});

const uploadSummaryFields = {
  uploadId: text,
  repoKey: text,
  expectedDigest: text,
  expectedLength: integer,
  state: word(UPLOAD_STATES),
  deduped: flag,
  reason: orNull(text),
  createdAtUtc: orNull(text),
  createdBy: orNull(text),
  expiresAtUtc: orNull(text),
  endedAtUtc: orNull(text),
};

export const parseUploadSummary = object<UploadSummary>(uploadSummaryFields);

const parseHeldPart = object<HeldPart>({ partNumber: integer, sizeBytes: integer, etag: text });

export const parseUploadDetails = object<UploadDetails>({
  ...uploadSummaryFields,
  nextAction: orNull(parseNextAction),
  checksummed: orNull(flag),
  parts: (value, at) => orNull(list(parseHeldPart))(value, at) ?? [],
});

export const parsePresignedPart = object<PresignedPart>({
  partNumber: integer,
  uploadUrl: text,
  headers: (value, at) => orNull(mapOf(text))(value, at) ?? {},
  expiresAtUtc: text,
});

export const parsePresignedParts = object<{ parts: PresignedPart[] }>({ parts: list(parsePresignedPart) });

export const parseCompletedUpload = object<CompletedUpload>({
  uploadId: text,
  repoKey: text,
  state: word(UPLOAD_STATES),
  expectedDigest: text,
  expectedLength: integer,
});

export const parseCommitted = object<{ uploadId: string; repoKey: string; digest: string; length: number }>({
  uploadId: text,
  repoKey: text,
  digest: text,
  length: integer,
});

/** How far a verification is, from a 202; null where the server does not tell. */
export const parseVerifiedBytes: Parser<number | null> = (value) =>
  isRecord(value) && typeof value.verifiedBytes === 'number' ? value.verifiedBytes : null;

export const parseAbortedUpload = object<AbortedUpload>({
  uploadId: text,
  repoKey: text,
  state: word(UPLOAD_STATES),
  reason: orNull(text),
});

export const parseBlobRecord = object<BlobRecord>({
  digest: text,
  length: integer,
  createdAtUtc: text,
  createdBy: text,
});

export const parsePutBlob = object<PutBlob>({ repoKey: text, digest: text, length: integer, deduped: flag });

export const parseServiceInfo = object<ServiceInfo>({ service: text, version: text });

const parseCapability = object<StoreCapability>({ name: text, supported: flag, detail: text, without: text });

const parseDependency = object<DependencyHealth>({
  status: text,
  detail: orNull(text),
  capabilities: orNull(list(parseCapability)),
});

export const parseReadiness = object<Omit<Readiness, 'ready'>>({
  status: text,
  dependencies: (value, at) => orNull(mapOf(parseDependency))(value, at) ?? {},
});
