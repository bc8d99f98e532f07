-- A restored database goes on from an earlier state: what was sealed after that is lost to it, and its next batches get the same
-- numbers again. An epoch says so: which history of the database the batches from here on belong to, signed like they are.
create table audit_epochs (
  epoch integer primary key check (epoch >= 1),
  -- The last batch before it; 0: none.
  after_batch bigint not null check (after_batch >= 0),
  -- Which history of a database it is (PostgreSQL, "Timelines"); unknown where the server does not tell.
  system_identifier text,
  timeline bigint,
  statement jsonb not null,
  -- SHA-256 of the statement's payload: the checkpoints of the epoch name it.
  statement_sha256 bytea not null check (octet_length(statement_sha256) = 32),
  opened_at timestamptz not null
);
