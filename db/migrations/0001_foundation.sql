-- The foundation: who may (tokens, repositories, bindings), what is coming (upload sessions), what is there (blobs and the
-- repositories that hold them), what happened (audit events) and what is still to be done (jobs).
--
-- Every row carries its tenant. The hot tables have no foreign key to tenants on purpose: each insert would lock the one
-- tenant row that all of them share.

create table tenants (
  tenant_id text primary key check (tenant_id ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
  created_at timestamptz not null default now()
);

insert into tenants (tenant_id) values ('default');

-- One row: what is true of the installation as a whole.
create table installation (
  singleton boolean primary key default true check (singleton),
  bootstrap_secret_sha256 bytea check (octet_length(bootstrap_secret_sha256) = 32),
  created_at timestamptz not null default now()
);

-- Numbers the moments at which tokens are issued and repositories are deleted, so that a scope on a key that was issued before
-- that key was last deleted can be told from one issued after, whatever the clocks of the replicas say.
create sequence access_epochs;

create table tokens (
  token_id uuid primary key,
  tenant_id text not null references tenants,
  subject text not null check (length(subject) between 1 and 256),
  secret_sha256 bytea not null unique check (octet_length(secret_sha256) = 32),
  -- Explicit: the scopes, fixed. From bindings: a cap on what the subject's bindings give now; empty is no cap.
  scopes text[] not null,
  from_bindings boolean not null,
  scopes_epoch bigint not null,
  -- The tokens that this one was narrowed from: where one of them is revoked, so is this.
  lineage uuid[] not null default '{}',
  issued_at timestamptz not null,
  issued_by text not null,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  last_used_at timestamptz,
  check (from_bindings or cardinality(scopes) > 0),
  check (expires_at > issued_at)
);

create index tokens_newest on tokens (tenant_id, token_id desc);

create table repositories (
  repo_id bigint generated always as identity primary key,
  tenant_id text not null references tenants,
  repo_key text not null check (repo_key ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
  repo_type text not null check (repo_type in ('local', 'remote', 'virtual')),
  upstream_url text,
  created_at timestamptz not null,
  created_by text not null,
  deleted_at timestamptz,
  deleted_epoch bigint,
  check ((repo_type = 'remote') = (upstream_url is not null)),
  check ((deleted_at is null) = (deleted_epoch is null))
);

create unique index repositories_live_key on repositories (tenant_id, repo_key) where deleted_at is null;
create index repositories_deleted_key on repositories (tenant_id, repo_key, deleted_epoch) where deleted_at is not null;

create table repository_members (
  virtual_repo_id bigint not null references repositories,
  position integer not null check (position >= 1),
  member_repo_id bigint not null references repositories,
  primary key (virtual_repo_id, position),
  unique (virtual_repo_id, member_repo_id),
  check (virtual_repo_id <> member_repo_id)
);

create index repository_members_member on repository_members (member_repo_id);

create table role_bindings (
  tenant_id text not null references tenants,
  repo_id bigint not null references repositories,
  subject text not null check (length(subject) between 1 and 256),
  roles text[] not null check (
    cardinality(roles) > 0 and roles <@ array['read', 'write', 'admin', 'promote']
  ),
  updated_at timestamptz not null,
  updated_by text not null,
  primary key (repo_id, subject)
);

create index role_bindings_subject on role_bindings (tenant_id, subject);

create table blobs (
  tenant_id text not null,
  digest text collate "C" not null check (digest ~ '^[0-9a-f]{64}$'),
  length_bytes bigint not null check (length_bytes >= 0),
  state text not null check (state in ('live', 'damaged', 'condemned', 'deleting')),
  -- The blob of nothing has no object: reading it needs no store.
  object_key text,
  created_at timestamptz not null,
  condemned_at timestamptz,
  primary key (tenant_id, digest),
  check ((object_key is null) = (length_bytes = 0)),
  check (condemned_at is not null or state not in ('condemned', 'deleting'))
);

create table blob_references (
  reference_id bigint generated always as identity primary key,
  tenant_id text not null,
  repo_id bigint not null references repositories,
  digest text collate "C" not null,
  created_at timestamptz not null,
  created_by text not null,
  unique (repo_id, digest),
  foreign key (tenant_id, digest) references blobs
);

create index blob_references_newest on blob_references (repo_id, reference_id desc);
create index blob_references_digest on blob_references (tenant_id, digest);

create table upload_sessions (
  upload_id uuid primary key,
  tenant_id text not null,
  repo_id bigint not null references repositories,
  state text not null check (state in ('initiated', 'parts_uploading', 'pending_commit', 'committed', 'aborted')),
  expected_digest text not null check (expected_digest ~ '^[0-9a-f]{64}$'),
  expected_length_bytes bigint not null check (expected_length_bytes >= 0),
  -- One `PUT` of the whole artifact: it takes no part requests.
  single_request boolean not null default false,
  deduped boolean not null default false,
  created_at timestamptz not null,
  created_by text not null,
  expires_at timestamptz not null,
  updated_at timestamptz not null,
  -- Where the bytes go. Known from the start, so that a multipart upload whose id was never learnt can be found by its key.
  object_key text,
  multipart_id text,
  -- Whether every part carries a SHA-256 that the store proves; decided by the first part request.
  checksummed boolean,
  completed_at timestamptz,
  parts jsonb,
  object_length_bytes bigint,
  -- The store's own proof of the whole object, where it has one.
  object_digest text,
  -- The lease of whoever is reading the object back to prove its digest.
  verification_owner text,
  verification_until timestamptz,
  verification_fence bigint not null default 0,
  verified_bytes bigint,
  blob_digest text,
  abort_reason text check (length(abort_reason) between 1 and 256),
  actual_digest text,
  actual_length_bytes bigint,
  ended_at timestamptz,
  check (expires_at > created_at),
  check (state <> 'initiated' or (multipart_id is null and checksummed is null and object_key is not null)),
  check (state <> 'parts_uploading' or single_request or (multipart_id is not null and checksummed is not null)),
  check (state <> 'pending_commit' or (object_key is not null and object_length_bytes is not null and completed_at is not null)),
  check ((state = 'committed') = (blob_digest is not null)),
  check (blob_digest = expected_digest),
  check ((state = 'aborted') = (abort_reason is not null)),
  check ((state in ('committed', 'aborted')) = (ended_at is not null)),
  check (actual_length_bytes is null or state = 'aborted'),
  check (not deduped or state = 'committed')
);

create index upload_sessions_repository_state on upload_sessions (repo_id, state, upload_id desc);
create index upload_sessions_repository_newest on upload_sessions (repo_id, upload_id desc);
-- The expiry sweep reads only what is still alive.
create index upload_sessions_overdue on upload_sessions (expires_at)
  where state in ('initiated', 'parts_uploading', 'pending_commit');

create table audit_events (
  audit_id bigint generated always as identity primary key,
  tenant_id text not null,
  actor text not null,
  action text not null,
  resource_type text not null,
  resource_id text not null,
  repo_key text,
  occurred_at timestamptz not null,
  request_id text,
  details jsonb not null,
  -- Sequence order is not commit order: a reader that must miss nothing stops below the oldest transaction still running.
  transaction_id xid8 not null default pg_current_xact_id()
);

create index audit_events_resource on audit_events (tenant_id, resource_id, audit_id desc);
create index audit_events_action on audit_events (tenant_id, action, audit_id desc);
create index audit_events_actor on audit_events (tenant_id, actor, audit_id desc);
create index audit_events_occurred on audit_events using brin (occurred_at);

create table jobs (
  job_id bigint generated always as identity primary key,
  tenant_id text not null,
  kind text not null,
  payload jsonb not null,
  created_at timestamptz not null,
  -- When the job is due. Taking a job moves it ahead by a lease, so that a crashed taker's job comes due again.
  run_at timestamptz not null,
  attempts integer not null default 0,
  last_error text
);

create index jobs_due on jobs (run_at);
