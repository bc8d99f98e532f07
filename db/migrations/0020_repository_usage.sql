-- How many blobs a repository holds and how many bytes they are, kept as it changes: counting them would read every reference.
--
-- A repository has several rows whose sum counts. Which of them a transaction adds to depends on its connection, so that two commits
-- to the same repository don't wait for each other's COMMIT. A single one of them may well be negative.
create table repository_usage (
  repo_id bigint not null references repositories,
  slot smallint not null,
  blob_count bigint not null,
  total_bytes bigint not null,
  primary key (repo_id, slot)
);

-- Triggers, so that nothing that adds or drops references can leave them out; one round for each statement, however many rows.
create function count_added_references() returns trigger language plpgsql as $$
begin
  insert into repository_usage as u (repo_id, slot, blob_count, total_bytes)
  select a.repo_id, pg_backend_pid() % 32, count(*), sum(b.length_bytes)
  from added a join blobs b on b.tenant_id = a.tenant_id and b.digest = a.digest
  group by a.repo_id
  order by a.repo_id
  on conflict (repo_id, slot) do update
  set blob_count = u.blob_count + excluded.blob_count, total_bytes = u.total_bytes + excluded.total_bytes;
  return null;
end
$$;

create function count_dropped_references() returns trigger language plpgsql as $$
begin
  insert into repository_usage as u (repo_id, slot, blob_count, total_bytes)
  select d.repo_id, pg_backend_pid() % 32, -count(*), -sum(b.length_bytes)
  from dropped d join blobs b on b.tenant_id = d.tenant_id and b.digest = d.digest
  group by d.repo_id
  order by d.repo_id
  on conflict (repo_id, slot) do update
  set blob_count = u.blob_count + excluded.blob_count, total_bytes = u.total_bytes + excluded.total_bytes;
  return null;
end
$$;

-- The triggers come first: creating one locks out writers until the count below is committed.
create trigger blob_references_added after insert on blob_references
  referencing new table as added for each statement execute function count_added_references();
create trigger blob_references_dropped after delete on blob_references
  referencing old table as dropped for each statement execute function count_dropped_references();

insert into repository_usage (repo_id, slot, blob_count, total_bytes)
select br.repo_id, 0, count(*), sum(b.length_bytes)
from blob_references br join blobs b on b.tenant_id = br.tenant_id and b.digest = br.digest
group by br.repo_id;
