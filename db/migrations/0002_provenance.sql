-- What makes the past provable: the installation's signing keys, the sealed batches of the audit trail, and of each reference how
-- its bytes were proved.

-- A row from now on, also where no bootstrap secret was ever generated.
insert into installation default values on conflict do nothing;
-- Names the installation in what it signs.
alter table installation add column installation_id uuid not null default gen_random_uuid();

-- Every key that ever signed: what was signed with it stays to be verified.
create table signing_keys (
  -- The JWK thumbprint of the public key (RFC 7638).
  key_id text primary key,
  public_key bytea not null check (octet_length(public_key) = 32),
  -- PKCS #8, where this installation made the key itself; of a key from a file, only the public half is here.
  private_key bytea,
  created_at timestamptz not null
);

-- The sealed batches of the audit trail, a chain: each checkpoint is signed and names the hash of the one before.
create table audit_batches (
  batch_number bigint primary key check (batch_number >= 1),
  -- As they stand in the batch's tree: by audit_id.
  first_audit_id bigint not null,
  last_audit_id bigint not null,
  row_count integer not null check (row_count >= 1),
  checkpoint jsonb not null,
  -- SHA-256 of the checkpoint's payload: what the next one names.
  checkpoint_sha256 bytea not null check (octet_length(checkpoint_sha256) = 32),
  sealed_at timestamptz not null,
  -- The signed statement that retention removed the batch's rows.
  removal jsonb
);

-- The batch that a row is sealed in. A row that is committed late is sealed in a later batch than its neighbours, and never missed.
alter table audit_events add column batch_number bigint;
create index audit_events_unsealed on audit_events (audit_id) where batch_number is null;

-- For the custody receipt: the upload that put the blob here, and how its digest was proved. Unknown for older references.
alter table blob_references add column upload_id uuid;
alter table blob_references add column proof text;
