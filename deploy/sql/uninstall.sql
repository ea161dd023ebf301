-- Takes back what install.sql gave and made; the agent goes on observing with what observe.sql granted.
--
--   psql -X -d pgsidecar -f uninstall.sql

\set ON_ERROR_STOP on
SET search_path = pg_catalog, pg_temp; -- no object of another schema is called
SET client_min_messages = error; -- what is gone already is no news

BEGIN;

-- Whatever an ordinary role created under the names of this file would run with a superuser's rights.
DO $$
DECLARE
  found text;
BEGIN
  SELECT string_agg(what || ' belongs to ' || o.rolname, ', ') INTO found
  FROM (SELECT 'database pgsidecar' AS what, datdba AS owner FROM pg_database WHERE datname = current_database()
        UNION ALL
        SELECT 'schema pgsidecar', nspowner FROM pg_namespace WHERE nspname = 'pgsidecar'
        UNION ALL
        SELECT 'relation pgsidecar.' || relname, relowner FROM pg_class WHERE relnamespace = to_regnamespace('pgsidecar')
        UNION ALL
        SELECT 'function pgsidecar.' || proname, proowner FROM pg_proc WHERE pronamespace = to_regnamespace('pgsidecar')
        UNION ALL
        SELECT 'type pgsidecar.' || typname, typowner FROM pg_type WHERE typnamespace = to_regnamespace('pgsidecar')) AS there
       JOIN pg_roles AS o ON o.oid = there.owner
  WHERE NOT o.rolsuper;
  IF found IS NOT NULL THEN
    RAISE EXCEPTION '%, which is not a superuser', found
      USING HINT = 'Drop or rename what was not created by this file, and run it again.';
  END IF;
END
$$;

-- Somebody's databases would stay closed, and nobody would know how they were.
DO $$
BEGIN
  IF to_regclass('pgsidecar.write_pause') IS NOT NULL THEN
    LOCK TABLE pgsidecar.write_pause IN ACCESS EXCLUSIVE MODE; -- nobody pauses in between
    IF EXISTS (SELECT FROM pgsidecar.write_pause WHERE ended IS NULL) THEN
      RAISE EXCEPTION 'writes are paused' USING HINT =
        'SELECT pgsidecar.resume_writes(generation, ''uninstall'') FROM pgsidecar.write_pause WHERE ended IS NULL';
    END IF;
  END IF;
END
$$;
DROP FUNCTION IF EXISTS pgsidecar.resume_writes(bigint, text);
DROP FUNCTION IF EXISTS pgsidecar.commit_hand_over(bigint, text);
DROP FUNCTION IF EXISTS pgsidecar.renew_lease(bigint, interval);
DROP FUNCTION IF EXISTS pgsidecar.note_proof(bigint, pg_lsn, text, jsonb, jsonb);
DROP FUNCTION IF EXISTS pgsidecar.terminate_sessions(bigint);
DROP FUNCTION IF EXISTS pgsidecar.pause_writes(text, name[], text, interval, text, text, text);
DO $$
BEGIN
  IF to_regclass('pgsidecar.write_pause') IS NOT NULL THEN
    DROP FUNCTION IF EXISTS pgsidecar.pause_sample(pgsidecar.write_pause);
    DROP FUNCTION IF EXISTS pgsidecar.sessions_in_scope(pgsidecar.write_pause);
    DROP FUNCTION IF EXISTS pgsidecar.undo_statements(pgsidecar.write_pause);
  END IF;
END
$$;
DROP TABLE IF EXISTS pgsidecar.write_pause; -- and with it the history of all pauses
DROP FUNCTION IF EXISTS pgsidecar.drop_physical_slot(name);
DROP FUNCTION IF EXISTS pgsidecar.create_physical_slot(name);
DROP SCHEMA IF EXISTS pgsidecar; -- fails if somebody put something of their own there

REVOKE pg_checkpoint FROM pgsidecar;
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_stat_file(text, boolean) FROM pgsidecar;
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_promote(boolean, integer) FROM pgsidecar;

COMMIT;
