-- How a follower reads the trail: by transaction, which is the order that no later commit can change, and by row within one.
create index audit_events_follow on audit_events (tenant_id, transaction_id, audit_id);
