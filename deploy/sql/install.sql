-- What the agent needs to carry commands out without being a superuser. Run once with psql as a superuser on the primary,
-- after observe.sql; what it makes is replicated to the standbys. Safe to run again; uninstall.sql takes it back.
--
--   psql -X -d pgsidecar -f install.sql

\set ON_ERROR_STOP on
SET client_min_messages = warning; -- what is granted already is no news

BEGIN;

-- Promote: pg_promote itself, a look whether a point-in-time recovery is going on, and the checkpoint afterwards, which
-- writes the new timeline into pg_control. Rights on functions are those of this database, where the agent connects.
GRANT EXECUTE ON FUNCTION pg_catalog.pg_promote(boolean, integer) TO pgsidecar;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_file(text, boolean) TO pgsidecar;
GRANT pg_checkpoint TO pgsidecar;

-- The agent's own objects. They belong to whoever runs this file, a superuser; the agent may use what is granted here.
CREATE SCHEMA IF NOT EXISTS pgsidecar;
REVOKE ALL ON SCHEMA pgsidecar FROM PUBLIC;
GRANT USAGE ON SCHEMA pgsidecar TO pgsidecar;

-- A slot for a standby that will follow after a promote. The right to make slots is REPLICATION, which can read
-- everything; this can make a physical slot and nothing else. It works on a standby: a slot is not in the database.
CREATE OR REPLACE FUNCTION pgsidecar.create_physical_slot(slot name) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = slot) THEN
    RETURN false;
  END IF;
  PERFORM pg_create_physical_replication_slot(slot, true);
  RETURN true;
END
$$;
REVOKE ALL ON FUNCTION pgsidecar.create_physical_slot(name) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgsidecar.create_physical_slot(name) TO pgsidecar;

-- Takes such a slot back when the promote did not happen: on a standby only, and only one that nobody uses.
CREATE OR REPLACE FUNCTION pgsidecar.drop_physical_slot(slot name) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF NOT pg_is_in_recovery() OR NOT EXISTS (
      SELECT FROM pg_replication_slots WHERE slot_name = slot AND slot_type = 'physical' AND NOT active) THEN
    RETURN false;
  END IF;
  PERFORM pg_drop_replication_slot(slot);
  RETURN true;
END
$$;
REVOKE ALL ON FUNCTION pgsidecar.drop_physical_slot(name) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgsidecar.drop_physical_slot(name) TO pgsidecar;

COMMIT;
