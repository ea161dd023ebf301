-- Takes back what install.sql gave and made; the agent goes on observing with what observe.sql granted.
--
--   psql -X -d pgsidecar -f uninstall.sql

\set ON_ERROR_STOP on

BEGIN;

DROP FUNCTION IF EXISTS pgsidecar.drop_physical_slot(name);
DROP FUNCTION IF EXISTS pgsidecar.create_physical_slot(name);
DROP SCHEMA IF EXISTS pgsidecar; -- fails if somebody put something of their own there

REVOKE pg_checkpoint FROM pgsidecar;
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_stat_file(text, boolean) FROM pgsidecar;
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_promote(boolean, integer) FROM pgsidecar;

COMMIT;
