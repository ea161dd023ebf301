-- The rights with which pgsidecar observes a server: enough to see all that it reports, and nothing to change anything.
-- Run once with psql as a superuser on the primary; what it makes is replicated to the standbys. Safe to run again.
--
--   psql -X -d postgres -f observe.sql
--
-- Then give the role a password (\password pgsidecar). Never "trust" it in pg_hba.conf: after install.sql it may promote.

\set ON_ERROR_STOP on
SET search_path = pg_catalog, pg_temp; -- no object of another schema is called
SET client_min_messages = warning; -- what is granted already is no news

-- A role or a database of the agent's name that an ordinary role created, or can use, would give that role the agent's rights.
DO $$
DECLARE
  found text;
BEGIN
  SELECT string_agg(m.rolname, ', ') INTO found
  FROM pg_auth_members AS a JOIN pg_roles AS r ON r.oid = a.roleid JOIN pg_roles AS m ON m.oid = a.member
  WHERE r.rolname = 'pgsidecar' AND NOT m.rolsuper;
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'role pgsidecar can be used or administered by %', found
      USING HINT = 'If pgsidecar was created for the agent: REVOKE pgsidecar FROM these roles. Otherwise: DROP ROLE pgsidecar.';
  END IF;
  SELECT o.rolname INTO found FROM pg_database AS d JOIN pg_roles AS o ON o.oid = d.datdba
  WHERE d.datname = 'pgsidecar' AND NOT o.rolsuper;
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'database pgsidecar belongs to %, which is not a superuser', found
      USING HINT = 'Drop or rename that database, and run observe.sql again.';
  END IF;
END
$$;

-- The database that the agent connects to by default. Observing works in any other (postgres.database). Ordinary roles have
-- no access to it from its first moment: a write pause keeps it open, and install.sql is run in it as a superuser.
SELECT 'CREATE DATABASE pgsidecar TEMPLATE template0 ALLOW_CONNECTIONS false'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'pgsidecar') \gexec
REVOKE CONNECT, TEMPORARY ON DATABASE pgsidecar FROM PUBLIC;
ALTER DATABASE pgsidecar ALLOW_CONNECTIONS true;

-- The agent logs in as this role. It owns nothing and belongs to no application.
SELECT 'CREATE ROLE pgsidecar LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pgsidecar') \gexec

-- pg_monitor: other sessions, WAL senders and the WAL receiver (pg_read_all_stats), settings, and the list of pg_wal.
GRANT pg_monitor TO pgsidecar;

-- When ordinary connections are used up the agent still gets in, where the server knows such a right (16 and later)
-- and reserved_connections keeps some room.
SELECT 'GRANT pg_use_reserved_connections TO pgsidecar'
WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = 'pg_use_reserved_connections') \gexec

GRANT CONNECT ON DATABASE pgsidecar TO pgsidecar;
