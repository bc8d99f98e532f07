-- The expiry sweep's index named the live states, and every statement that moves a session by its id names them too: PostgreSQL then
-- takes this index for such a statement, since it believes it to be nearly empty, and reads every live session to find the one. After
-- a burst of uploads on a large table, whose statistics are renewed late, each step of each upload would. What only the sweep
-- says tells them apart: a session is live as long as it has no end (see the constraints of the table).
drop index upload_sessions_overdue;
create index upload_sessions_overdue on upload_sessions (expires_at) where ended_at is null;

-- What is being read back, for the worker that goes on with what a crash left. Few at any time; a session that ends lets go.
create index upload_sessions_verifying on upload_sessions (verification_until) where verification_until is not null;
