-- What happened in one repository, and who was refused there, newest first, however many rows the others have.
create index audit_events_repository on audit_events (tenant_id, repo_key, audit_id desc) where repo_key is not null;
