-- What a standby needs of its primary: a role to stream with, and a slot of its own. Run as a superuser on the primary; after
-- a promote by pgsidecar on the new one, with the slot of the old primary only (those of its peers are there). Safe to run
-- again.
--
--   psql -X -d postgres -v slots='pg_1 pg_2' -f replication.sql
--
-- Before it, the settings of replication.conf: max_slot_wal_keep_size bounds what the slot of a standby that never comes
-- can cost; by default nothing does. After it, give the role a password (\password replicator), and let the standbys in:
-- replication.hba. A standby begins as a copy that knows its slot:
--
--   pg_basebackup --write-recovery-conf --slot=pg_1 -D /path/to/data \
--     -d 'host=pg-0 user=replicator application_name=pg-1'

\set ON_ERROR_STOP on
SET search_path = pg_catalog, pg_temp; -- no object of another schema is called

-- A role of this name that an ordinary role created, or can use, would let that role copy the whole cluster.
DO $$
DECLARE
  found text;
BEGIN
  SELECT string_agg(m.rolname, ', ') INTO found
  FROM pg_auth_members AS a JOIN pg_roles AS r ON r.oid = a.roleid JOIN pg_roles AS m ON m.oid = a.member
  WHERE r.rolname = 'replicator' AND NOT m.rolsuper;
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'role replicator can be used or administered by %', found
      USING HINT = 'REVOKE replicator FROM these roles, or use another name.';
  END IF;
END
$$;

-- REPLICATION is all that it has: it can stream WAL and copy the whole folder, so its password is worth as much as the
-- data. Into databases it could log in like anybody else: replication.hba forbids that.
SELECT 'CREATE ROLE replicator LOGIN REPLICATION'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'replicator') \gexec

-- A slot per standby keeps the WAL that it has not received yet, from this moment on (true: at once, not at its first
-- visit): the copy that begins next misses nothing.
SELECT pg_create_physical_replication_slot(slot, true)
FROM string_to_table(:'slots', ' ') AS slot
WHERE slot <> '' AND NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = slot);
