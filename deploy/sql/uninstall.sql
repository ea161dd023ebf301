-- Takes back what install.sql gave and made; the agent goes on observing with what observe.sql granted.
--
--   psql -X -d pgsidecar -f uninstall.sql

\set ON_ERROR_STOP on
SET client_min_messages = error; -- what is gone already is no news

BEGIN;

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

GRANT CONNECT, TEMPORARY ON DATABASE pgsidecar TO PUBLIC;
REVOKE pg_checkpoint FROM pgsidecar;
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_stat_file(text, boolean) FROM pgsidecar;
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_promote(boolean, integer) FROM pgsidecar;

COMMIT;
