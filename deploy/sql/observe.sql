-- The rights with which pgsidecar observes a server: enough to see all that it reports, and nothing to change anything.
-- Run once with psql as a superuser on the primary; what it makes is replicated to the standbys. Safe to run again.
--
--   psql -X -d postgres -f observe.sql
--
-- Then give the role a password (\password pgsidecar). Never "trust" it in pg_hba.conf: after install.sql it may promote.

\set ON_ERROR_STOP on
SET search_path = pg_catalog, pg_temp; -- nothing that somebody has put into another schema is called
SET client_min_messages = warning; -- what is granted already is no news

-- The agent logs in as this role. It owns nothing and belongs to no application.
SELECT 'CREATE ROLE pgsidecar LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pgsidecar') \gexec

-- pg_monitor: other sessions, WAL senders and the WAL receiver (pg_read_all_stats), settings, and the list of pg_wal.
GRANT pg_monitor TO pgsidecar;

-- When ordinary connections are used up the agent still gets in, where the server knows such a right (16 and later)
-- and reserved_connections keeps some room.
SELECT 'GRANT pg_use_reserved_connections TO pgsidecar'
WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = 'pg_use_reserved_connections') \gexec

-- The database that the agent connects to by default. Observing works in any other (postgres.database).
SELECT 'CREATE DATABASE pgsidecar'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'pgsidecar') \gexec
GRANT CONNECT ON DATABASE pgsidecar TO pgsidecar;
