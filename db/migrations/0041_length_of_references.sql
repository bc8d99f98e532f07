-- A reference knows the length of its blob: a digest stands for one content, so it can't change. A page of a list then reads its own rows
-- alone, which lie side by side, and not one of a hundred places in the table of blobs for each; a total adds what it is told.
alter table blob_references add column length_bytes bigint;
update blob_references br set length_bytes = b.length_bytes
from blobs b where b.tenant_id = br.tenant_id and b.digest = br.digest;
alter table blob_references alter column length_bytes set not null;

create or replace function count_added_references() returns trigger language plpgsql as $$
begin
  perform add_to_repository_usage(repo_id, count(*), sum(length_bytes)::bigint) from added group by repo_id;
  return null;
end
$$;

create or replace function count_dropped_references() returns trigger language plpgsql as $$
begin
  perform add_to_repository_usage(repo_id, -count(*), -sum(length_bytes)::bigint) from dropped group by repo_id;
  return null;
end
$$;
