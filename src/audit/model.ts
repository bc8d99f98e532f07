import type { TenantId } from '../access/model.ts';

/** Every action that the trail can hold, and the kind of resource that it is about (contract, "Audit"). */
export const AUDIT_ACTIONS = {
  'auth.pat.issued': 'token',
  'auth.pat.revoked': 'token',
  'auth.oidc.exchanged': 'token',
  'repo.created': 'repository',
  'repo.deleted': 'repository',
  'repo.binding.upserted': 'binding',
  'repo.binding.deleted': 'binding',
  'upload.session.created': 'upload_session',
  'upload.part.presigned': 'upload_session',
  'upload.completed': 'upload_session',
  'upload.committed': 'upload_session',
  'upload.commit.verification_failed': 'upload_session',
  'upload.aborted': 'upload_session',
  'upload.expired': 'upload_session',
  'blob.reference.deleted': 'blob',
  'blob.condemned': 'blob',
  'blob.object.deleted': 'blob',
  'fsck.repaired': 'blob',
  'authz.denied': 'route',
} as const;

export type AuditAction = keyof typeof AUDIT_ACTIONS;

/** The actor of what the worker does. */
export const SYSTEM_ACTOR = 'system';
/** The actor of a request that proved no identity. */
export const ANONYMOUS_ACTOR = 'anonymous';
/** The actor of what the bootstrap secret did. */
export const BOOTSTRAP_ACTOR = 'bootstrap';

/** Names in the trail that are nobody's, so that nobody can act under them. */
export function isReservedActor(name: string): boolean {
  return name === SYSTEM_ACTOR || name === ANONYMOUS_ACTOR || name === BOOTSTRAP_ACTOR;
}

/** In whose name, when and by which request a change is made. */
export interface Attribution {
  tenantId: TenantId;
  actor: string;
  requestId: string | null;
  at: Date;
}

export interface AuditEvent {
  action: AuditAction;
  resourceId: string;
  repoKey: string | null;
  details: Readonly<Record<string, unknown>>;
}

export interface AuditRow {
  auditId: number;
  tenantId: string;
  actor: string;
  action: string;
  resourceType: string;
  resourceId: string;
  repoKey: string | null;
  occurredAt: Date;
  requestId: string | null;
  details: Record<string, unknown>;
}
