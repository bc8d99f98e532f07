-- A transaction adds to a row of the totals that no other one holds, and makes one where there is none. By the number of its
-- connection, two could meet in a row: the second then waited for the first, for as long as that one's client took or hung.
create sequence repository_usage_slot as bigint start with 32 owned by repository_usage.slot;
alter table repository_usage alter column slot type bigint, alter column slot set default nextval('repository_usage_slot');

create function add_to_repository_usage(changed_repo_id bigint, blobs bigint, bytes bigint) returns void language plpgsql as $$
declare
  free_slot bigint;
begin
  select u.slot into free_slot from repository_usage u
  where u.repo_id = changed_repo_id
  limit 1 for no key update skip locked;
  if free_slot is null then
    insert into repository_usage (repo_id, blob_count, total_bytes) values (changed_repo_id, blobs, bytes);
  else
    update repository_usage u set blob_count = u.blob_count + blobs, total_bytes = u.total_bytes + bytes
    where u.repo_id = changed_repo_id and u.slot = free_slot;
  end if;
end
$$;

create or replace function count_added_references() returns trigger language plpgsql as $$
begin
  perform add_to_repository_usage(a.repo_id, count(*), sum(b.length_bytes)::bigint)
  from added a join blobs b on b.tenant_id = a.tenant_id and b.digest = a.digest
  group by a.repo_id;
  return null;
end
$$;

create or replace function count_dropped_references() returns trigger language plpgsql as $$
begin
  perform add_to_repository_usage(d.repo_id, -count(*), -sum(b.length_bytes)::bigint)
  from dropped d join blobs b on b.tenant_id = d.tenant_id and b.digest = d.digest
  group by d.repo_id;
  return null;
end
$$;
