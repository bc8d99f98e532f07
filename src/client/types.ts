/** What the contract's answers hold. Times are RFC 3339 UTC text, sizes are bytes, digests are lowercase hex SHA-256. */

/** A page of a list, newest first; `nextCursor` is null on the last one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

export interface PageOptions {
  /** 1 to 500; the server's own default is 100. */
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface IssuedToken {
  readonly tokenId: string;
  /** The secret, shown this once. */
  readonly token: string;
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly expiresAtUtc: string;
}

export interface TokenRecord {
  readonly tokenId: string;
  readonly subject: string;
  readonly scopes: readonly string[];
  /** Whether the scopes follow the subject's role bindings; null where the server does not tell. */
  readonly fromBindings: boolean | null;
  readonly issuedAtUtc: string | null;
  readonly issuedBy: string | null;
  readonly expiresAtUtc: string;
  readonly lastUsedAtUtc: string | null;
  readonly revokedAtUtc: string | null;
}

export interface RevokedToken {
  readonly tokenId: string;
  readonly status: string;
}

export interface Identity {
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly tokenId: string;
  readonly expiresAtUtc: string;
}

export const REPOSITORY_TYPES = ['local', 'remote', 'virtual'] as const;
export type RepositoryType = (typeof REPOSITORY_TYPES)[number];

export interface Repository {
  readonly repoKey: string;
  readonly repoType: RepositoryType;
  readonly upstreamUrl: string | null;
  readonly memberRepos: readonly string[] | null;
  readonly createdAtUtc: string | null;
  /** What it holds; null where an older server does not tell. */
  readonly blobCount: number | null;
  readonly totalBytes: number | null;
}

export interface DeletedRepository {
  readonly repoKey: string;
  readonly status: string;
}

export const ROLES = ['read', 'write', 'admin', 'promote'] as const;
export type Role = (typeof ROLES)[number];

export interface Binding {
  readonly repoKey: string;
  readonly subject: string;
  readonly roles: readonly string[];
  readonly updatedAtUtc: string;
}

export interface AuditRow {
  readonly auditId: string;
  readonly tenantId: string;
  readonly actor: string;
  readonly action: string;
  readonly resourceType: string;
  readonly resourceId: string;
  readonly repoKey: string | null;
  readonly occurredAtUtc: string;
  readonly requestId: string | null;
  readonly details: unknown;
}

/** A signed statement (DSSE): base64 of what it says and of each signature. */
export interface Envelope {
  readonly payloadType: string;
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

/** A key that seals the audit trail and signs receipts. */
export interface PublicKey {
  readonly keyId: string;
  readonly algorithm: string;
  readonly createdAtUtc: string;
  readonly jwk: { readonly kty: string; readonly crv: string; readonly x: string };
  readonly pem: string;
}

export interface AuditCheckpoint {
  readonly batch: number;
  readonly rows: number;
  readonly sealedAtUtc: string;
  readonly hash: string;
  readonly rowsRemoved: boolean;
  readonly checkpoint: Envelope;
}

/** That a row was in the trail when its batch was sealed: its path in the batch's tree (RFC 6962), in hex. */
export interface AuditProof {
  readonly row: AuditRow;
  readonly index: number;
  readonly path: readonly string[];
  readonly checkpoint: Envelope;
}

export interface AuditFilters extends PageOptions {
  readonly action?: string | undefined;
  readonly actor?: string | undefined;
  readonly resourceType?: string | undefined;
  readonly resourceId?: string | undefined;
  /** The repository that a row is about, also one that is deleted. */
  readonly repoKey?: string | undefined;
  /** Inclusive. */
  readonly since?: string | undefined;
  /** Exclusive. */
  readonly until?: string | undefined;
}

/** Rows oldest first; `nextCursor` goes on from there, and is never null. */
export interface AuditFollowPage {
  readonly items: readonly AuditRow[];
  readonly nextCursor: string;
}

export const UPLOAD_STATES = ['initiated', 'parts_uploading', 'pending_commit', 'committed', 'aborted'] as const;
export type UploadState = (typeof UPLOAD_STATES)[number];

/** The bounds of the parts of one upload. */
export interface PartBounds {
  readonly minimumPartSizeBytes: number;
  readonly suggestedPartSizeBytes: number;
  readonly maximumPartSizeBytes: number;
  readonly maximumPartNumber: number;
}

/** What a session asks for next; `unknown` where a newer server asks for what this version has no word for. */
export type NextAction =
  | (PartBounds & { readonly action: 'upload_parts' })
  | { readonly action: 'commit' }
  | { readonly action: 'unknown'; readonly name: string };

export interface CreatedUpload {
  readonly uploadId: string;
  readonly repoKey: string;
  readonly expectedDigest: string;
  readonly expectedLength: number;
  readonly state: UploadState;
  /** True where the server already had the bytes: nothing is to be sent. */
  readonly deduped: boolean;
  readonly expiresAtUtc: string | null;
  readonly nextAction: NextAction | null;
}

export interface UploadSummary {
  readonly uploadId: string;
  readonly repoKey: string;
  readonly expectedDigest: string;
  readonly expectedLength: number;
  readonly state: UploadState;
  /** True where the server already had the bytes. */
  readonly deduped: boolean;
  /** Why it was aborted. */
  readonly reason: string | null;
  readonly createdAtUtc: string | null;
  readonly createdBy: string | null;
  readonly expiresAtUtc: string | null;
  /** When it was committed or aborted. */
  readonly endedAtUtc: string | null;
}

export interface HeldPart {
  readonly partNumber: number;
  readonly sizeBytes: number;
  readonly etag: string;
}

export interface UploadDetails extends UploadSummary {
  /** What the session waits for; null where it has ended. */
  readonly nextAction: NextAction | null;
  /** Whether every part carries its SHA-256; null before the first part request. */
  readonly checksummed: boolean | null;
  /** The parts that the store holds: what is needed to resume. */
  readonly parts: readonly HeldPart[];
}

export interface PartRequest {
  readonly partNumber: number;
  /** In hex. The first part request decides for the whole session whether every part carries it. */
  readonly sha256?: string | undefined;
  readonly sizeBytes?: number | undefined;
}

/** Where one part's bytes go: one `PUT` with exactly these headers. */
export interface PresignedPart {
  readonly partNumber: number;
  readonly uploadUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly expiresAtUtc: string;
}

export interface CompletedPart {
  readonly partNumber: number;
  readonly etag: string;
}

export interface CompletedUpload {
  readonly uploadId: string;
  readonly repoKey: string;
  readonly state: UploadState;
  readonly expectedDigest: string;
  readonly expectedLength: number;
}

export interface CommittedUpload {
  readonly status: 'committed';
  readonly uploadId: string;
  readonly repoKey: string;
  readonly digest: string;
  readonly length: number;
}

/** The server still proves the digest: repeat the commit after `retryAfterMs`. */
export interface VerifyingUpload {
  readonly status: 'verifying';
  readonly uploadId: string;
  readonly retryAfterMs: number;
  /** Null where the server does not tell. */
  readonly verifiedBytes: number | null;
}

export interface AbortedUpload {
  readonly uploadId: string;
  readonly repoKey: string;
  readonly state: UploadState;
  readonly reason: string | null;
}

export interface BlobRecord {
  readonly digest: string;
  readonly length: number;
  readonly createdAtUtc: string;
  readonly createdBy: string;
}

export interface PutBlob {
  readonly repoKey: string;
  readonly digest: string;
  readonly length: number;
  readonly deduped: boolean;
}

export interface ServiceInfo {
  readonly service: string;
  readonly version: string;
}

export interface DependencyHealth {
  /** `up` or `down`. */
  readonly status: string;
  /** What is wrong; told to administrators alone. */
  readonly detail: string | null;
  /** What an object store was found to be able to do; told to administrators alone. */
  readonly capabilities: readonly StoreCapability[] | null;
}

export interface StoreCapability {
  readonly name: string;
  readonly supported: boolean;
  /** Why it counts as not supported. */
  readonly detail: string;
  /** What is done instead. */
  readonly without: string;
}

export interface Readiness {
  readonly ready: boolean;
  readonly status: string;
  readonly dependencies: Readonly<Record<string, DependencyHealth>>;
}
