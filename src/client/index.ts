/** The client library of Artifortress. It needs only Web APIs: fetch, streams, AbortSignal. */
export { Artifortress, type ArtifortressOptions } from './artifortress.ts';
export type { AuditApi } from './audit.ts';
export type { BindingsApi } from './bindings.ts';
export type { BlobContent, BlobInfo, BlobListOptions, BlobsApi, ByteRange } from './blobs.ts';
export { parseDigest } from './digest.ts';
export { ArtifortressError, type ClientErrorCode, type ErrorCode, type ServerErrorCode } from './errors.ts';
export type { OnProgress, Progress } from './progress.ts';
export type { PulledBlob, PullOptions } from './pull.ts';
export type { AbortOutcome, PushOptions, PushResult, ResumePoint, SessionEvent } from './push-types.ts';
export type { CreateRepositoryRequest, RepositoriesApi } from './repositories.ts';
export { DEFAULT_RETRY_POLICY, type RetryPolicy } from './retry.ts';
export type { Runtime } from './runtime.ts';
export type { ServiceApi } from './service.ts';
export type { CreateHash, IncrementalHash } from './sha256.ts';
export type { PushInput, PushSource } from './source-types.ts';
export type { IssueTokenRequest, TokensApi } from './tokens.ts';
export * from './types.ts';
export type { UploadListOptions, UploadsApi } from './uploads.ts';
