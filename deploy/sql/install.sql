-- What the agent needs to carry commands out without being a superuser. Run once with psql as a superuser on the primary,
-- after observe.sql; what it makes is replicated to the standbys. Safe to run again; uninstall.sql takes it back.
--
--   psql -X -d pgsidecar -f install.sql

\set ON_ERROR_STOP on
SET search_path = pg_catalog, pg_temp; -- no object of another schema is called
SET client_min_messages = warning; -- what is granted already is no news

SELECT current_database() <> 'pgsidecar' AS elsewhere \gset
\if :elsewhere
  \echo 'install.sql: run it in the database pgsidecar, which observe.sql makes: psql -X -d pgsidecar -f install.sql'
  \quit 3
\endif

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

-- A write pause keeps this database open: only the agent and superusers have access to it.
REVOKE CONNECT, TEMPORARY ON DATABASE pgsidecar FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE pgsidecar TO pgsidecar;

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

-- The write pause. A row is the record of one pause, active until it has ended and history after that: who holds it, until
-- when, and every value as it was before. It is written in the transaction that changes these values, and is replicated
-- with them, so that whoever is the primary can undo the pause exactly.
CREATE TABLE IF NOT EXISTS pgsidecar.write_pause (
  generation        bigint PRIMARY KEY,   -- rises by one, never used again
  node              text NOT NULL,        -- the holder: the agent's name, its cluster, and the timeline it wrote on
  system_identifier text NOT NULL,
  timeline          integer NOT NULL,
  operation         text NOT NULL,        -- the agent's operation
  ordered_by        text NOT NULL,
  reason            text NOT NULL,
  all_databases     boolean NOT NULL,
  method            text NOT NULL CHECK (method IN ('limit', 'close')),
  started           timestamptz NOT NULL,
  ttl               interval NOT NULL,    -- as of the last renewal
  expires           timestamptz NOT NULL,
  previous          jsonb NOT NULL,       -- by database: what resume puts back
  final_lsn         pg_lsn,               -- nothing that an application wrote lies behind it; null until that is proved
  guarantee         text,
  proved_with       jsonb,                -- the counters as they were then; what moves them later is a breach
  committed_to      text,                 -- the hand-over's target; from then on nothing resumes by itself
  committed         timestamptz,
  ended             timestamptz,
  ended_how         text,
  kept              jsonb                 -- values that somebody changed meanwhile, and that resume left alone
);
CREATE UNIQUE INDEX IF NOT EXISTS write_pause_one_active ON pgsidecar.write_pause ((true)) WHERE ended IS NULL;
REVOKE ALL ON pgsidecar.write_pause FROM PUBLIC;
GRANT SELECT ON pgsidecar.write_pause TO pgsidecar;

-- What undoes the databases' settings by hand, as a superuser, where nothing else works any more.
CREATE OR REPLACE FUNCTION pgsidecar.undo_statements(of pgsidecar.write_pause) RETURNS text[]
  LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT array_agg(statement ORDER BY datname, place) || format(
      'UPDATE pgsidecar.write_pause SET ended = now(), ended_how = ''by hand'' WHERE generation = %s', of.generation)
  FROM jsonb_to_recordset(of.previous)
         AS p (oid oid, connection_limit integer, allow_connections boolean, read_only text)
       JOIN pg_database AS d ON d.oid = p.oid, -- it may have another name by now
       LATERAL (VALUES
         (1, CASE WHEN of.method = 'close'
               THEN format('ALTER DATABASE %I ALLOW_CONNECTIONS %s', d.datname, p.allow_connections::text) END),
         (2, format('ALTER DATABASE %I CONNECTION LIMIT %s', d.datname, p.connection_limit)),
         (3, CASE WHEN p.read_only IS NULL
               THEN format('ALTER DATABASE %I RESET default_transaction_read_only', d.datname)
               ELSE format('ALTER DATABASE %I SET default_transaction_read_only = %L', d.datname, p.read_only) END)
       ) AS statements (place, statement)
  WHERE statement IS NOT NULL
$$;
REVOKE ALL ON FUNCTION pgsidecar.undo_statements(pgsidecar.write_pause) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgsidecar.undo_statements(pgsidecar.write_pause) TO pgsidecar;

-- The sessions that the agent ends: all in the pause's databases. A walsender that is connected to a database runs SQL, with or
-- without a slot. An autovacuum worker that was started before the pause runs index functions in transactions that may write; one
-- that is started later may not, so it stays once the pause is proved. A parallel worker ends with its leader. The agent's own
-- sessions are in its own database, which is in no pause.
CREATE OR REPLACE FUNCTION pgsidecar.sessions_in_scope(of pgsidecar.write_pause)
  RETURNS TABLE (pid integer, role name, superuser boolean, database name, application text, type text,
                 started timestamptz, writes boolean)
  LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT a.pid, a.usename, coalesce(r.rolsuper, true), a.datname, a.application_name, a.backend_type, a.backend_start,
         a.backend_xid IS NOT NULL
  FROM pg_stat_activity AS a LEFT JOIN pg_roles AS r ON r.oid = a.usesysid
  WHERE a.datid IN (SELECT (entry ->> 'oid')::oid FROM jsonb_array_elements(of.previous) AS entry)
    AND a.backend_type <> 'parallel worker'
    AND (a.backend_type <> 'autovacuum worker' OR of.final_lsn IS NULL AND of.ended IS NULL)
    AND a.pid <> pg_backend_pid()
$$;
REVOKE ALL ON FUNCTION pgsidecar.sessions_in_scope(pgsidecar.write_pause) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgsidecar.sessions_in_scope(pgsidecar.write_pause) TO pgsidecar;

-- One look at a paused server, for the proof that no session writes; dev.pgsidecar.writes.Sample explains the fields. Each
-- statement takes a snapshot of its own, and their order is part of the proof: a session reports its counters before it leaves
-- pg_stat_activity, so a session that the first statement misses is in the counters. A transaction that ends before the last
-- statement is in next_xid, unless its id is older than the WAL marker's: then the sample before the marker shows it.
CREATE OR REPLACE FUNCTION pgsidecar.pause_sample(of pgsidecar.write_pause) RETURNS jsonb
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  scope  oid[] := ARRAY(SELECT (entry ->> 'oid')::oid FROM jsonb_array_elements(of.previous) AS entry);
  sample jsonb;
BEGIN
  sample := jsonb_build_object(
    'at', extract(epoch FROM clock_timestamp())::float8,
    'sessions', (SELECT count(*) FROM pgsidecar.sessions_in_scope(of)),
    'writers', (SELECT count(*) FROM pg_stat_activity
                WHERE datid = ANY (scope) AND backend_xid IS NOT NULL AND backend_type <> 'autovacuum worker'),
    'autovacuum', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'));
  sample := sample || jsonb_build_object(
    'prepared', (SELECT count(*) FROM pg_prepared_xacts JOIN pg_database ON datname = database
                 WHERE pg_database.oid = ANY (scope)),
    'outside', (SELECT count(*) FROM pg_database
                WHERE of.all_databases AND oid <> ALL (scope) AND datname <> current_database()
                  AND (datname <> 'template0' OR datallowconn) AND datconnlimit <> -2),
    'counters', (SELECT jsonb_build_object('connected', coalesce(sum(sessions), 0)::bigint,
                     'committed', coalesce(sum(xact_commit), 0)::bigint,
                     'changed', coalesce(sum(tup_inserted + tup_updated + tup_deleted), 0)::bigint,
                     'started', extract(epoch FROM pg_postmaster_start_time())::text)
                 FROM pg_stat_database WHERE datid = ANY (scope)));
  RETURN sample || jsonb_build_object('next_xid', pg_snapshot_xmax(pg_current_snapshot())::text::bigint);
END
$$;
REVOKE ALL ON FUNCTION pgsidecar.pause_sample(pgsidecar.write_pause) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgsidecar.pause_sample(pgsidecar.write_pause) TO pgsidecar;

-- Each of the functions below answers {"done": true, "record": ...}, or {"done": false, "why": ...} and has changed
-- nothing. Their commits wait for no standby: a pause must not hang on one that is dead.

-- Records a pause and closes its databases, in one transaction. Without databases: all but the agent's own, those that a failed
-- DROP DATABASE left behind, and template0 unless it accepts connections.
CREATE OR REPLACE FUNCTION pgsidecar.pause_writes(by_node text, databases name[], by_method text, for_time interval,
    by_operation text, by_whom text, because text) RETURNS jsonb
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  pause  pgsidecar.write_pause;
  place  record;
BEGIN
  PERFORM set_config('synchronous_commit', 'local', true);
  LOCK TABLE pgsidecar.write_pause IN EXCLUSIVE MODE;
  SELECT * INTO pause FROM pgsidecar.write_pause WHERE ended IS NULL;
  IF FOUND THEN
    RETURN jsonb_build_object('done', false, 'why', 'paused already');
  END IF;
  SELECT coalesce(max(generation), 0) + 1 INTO pause.generation FROM pgsidecar.write_pause;
  pause.node := by_node;
  pause.system_identifier := (SELECT system_identifier FROM pg_control_system());
  pause.timeline := ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::integer;
  pause.operation := by_operation;
  pause.ordered_by := by_whom;
  pause.reason := because;
  pause.all_databases := databases IS NULL;
  pause.method := by_method;
  pause.started := clock_timestamp();
  pause.ttl := for_time;
  pause.expires := pause.started + for_time;
  pause.previous := (
    SELECT coalesce(jsonb_agg(jsonb_build_object('oid', d.oid::bigint, 'name', d.datname, 'connection_limit', d.datconnlimit,
        'allow_connections', d.datallowconn, 'read_only', (
            SELECT split_part(setting, '=', 2) FROM pg_db_role_setting AS s, unnest(s.setconfig) AS setting
            WHERE s.setdatabase = d.oid AND s.setrole = 0
              AND split_part(setting, '=', 1) = 'default_transaction_read_only'))
      ORDER BY d.datname), '[]')
    FROM pg_database AS d
    WHERE d.datname <> current_database() AND d.datconnlimit <> -2
      AND CASE WHEN databases IS NULL THEN d.datname <> 'template0' OR d.datallowconn ELSE d.datname = ANY (databases) END);
  IF databases IS NOT NULL AND jsonb_array_length(pause.previous) < (SELECT count(DISTINCT d) FROM unnest(databases) AS d)
      OR jsonb_array_length(pause.previous) = 0 THEN
    RETURN jsonb_build_object('done', false, 'why', 'a database is not there, or is the agent''s own');
  END IF;
  INSERT INTO pgsidecar.write_pause VALUES (pause.*);
  FOR place IN SELECT * FROM jsonb_to_recordset(pause.previous) AS p (name text) LOOP
    EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 0', place.name);
    EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', place.name);
    IF by_method = 'close' THEN
      EXECUTE format('ALTER DATABASE %I ALLOW_CONNECTIONS false', place.name);
    END IF;
  END LOOP;
  RETURN jsonb_build_object('done', true, 'record', to_jsonb(pause));
END
$$;
REVOKE ALL ON FUNCTION pgsidecar.pause_writes(text, name[], text, interval, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgsidecar.pause_writes(text, name[], text, interval, text, text, text) TO pgsidecar;

-- Ends every session in the pause's databases; after the pause, those that began in it, as they stay read-only. Answers
-- how many there were, and who the first of them were. Call it until there are none, and then again.
-- "starting" are processes on their way into these databases: not in pg_stat_activity yet, but with a lock on the database.
-- One that was there when the pause was recorded may have passed the limit before; one that came later is refused.
-- "exempt" counts those of the sessions that a connection limit does not keep from coming back.
CREATE OR REPLACE FUNCTION pgsidecar.terminate_sessions(of_generation bigint) RETURNS jsonb
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  pause pgsidecar.write_pause;
BEGIN
  SELECT * INTO pause FROM pgsidecar.write_pause WHERE generation = of_generation;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('done', false, 'why', 'there is no such pause');
  END IF;
  RETURN (
    SELECT jsonb_build_object('done', true, 'active', pause.ended IS NULL, 'sessions', count(*),
      'exempt', count(*) FILTER (WHERE s.superuser AND s.type = 'client backend' OR s.type = 'walsender'), 'first',
      coalesce(jsonb_agg(to_jsonb(s) - 'place' - 'ended') FILTER (WHERE s.place <= 20), '[]'),
      'starting', (SELECT coalesce(jsonb_agg(DISTINCT l.pid), '[]') FROM pg_locks AS l
        WHERE l.locktype = 'object' AND l.classid = 'pg_database'::regclass AND l.mode = 'RowExclusiveLock' AND l.granted
          AND l.objid IN (SELECT (entry ->> 'oid')::oid FROM jsonb_array_elements(pause.previous) AS entry)
          AND NOT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.pid = l.pid AND a.datid IS NOT NULL)))
    FROM (SELECT here.*, row_number() OVER () AS place, pg_terminate_backend(pid) AS ended
          FROM pgsidecar.sessions_in_scope(pause) AS here
          WHERE pause.ended IS NULL OR here.started BETWEEN pause.started AND pause.ended) AS s);
END
$$;
REVOKE ALL ON FUNCTION pgsidecar.terminate_sessions(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgsidecar.terminate_sessions(bigint) TO pgsidecar;

-- Keeps what was proved. last: the last sample of the proof. The record is then written only if nothing has moved since that
-- sample; otherwise the answer has the sample of now. Its own transaction id shows whether another transaction has taken one.
CREATE OR REPLACE FUNCTION pgsidecar.note_proof(of_generation bigint, final pg_lsn, proved text, counters jsonb, last jsonb)
  RETURNS jsonb
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  pause  pgsidecar.write_pause;
  sample jsonb;
  xid    bigint;
BEGIN
  PERFORM set_config('synchronous_commit', 'local', true);
  IF last IS NOT NULL THEN
    xid := pg_current_xact_id()::text::bigint;
  END IF;
  SELECT * INTO pause FROM pgsidecar.write_pause WHERE generation = of_generation AND ended IS NULL FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('done', false, 'why', 'there is no such pause, or it has ended');
  END IF;
  IF last IS NOT NULL THEN
    sample := pgsidecar.pause_sample(pause) || jsonb_build_object('next_xid', xid);
    IF (sample -> 'sessions', sample -> 'writers', sample -> 'prepared', sample -> 'outside',
        sample #> '{counters,connected}', sample #> '{counters,started}',
        CASE WHEN pause.all_databases THEN sample -> 'next_xid' ELSE sample #> '{counters,committed}' END)
      IS DISTINCT FROM
       (last -> 'sessions', last -> 'writers', last -> 'prepared', last -> 'outside',
        last #> '{counters,connected}', last #> '{counters,started}',
        CASE WHEN pause.all_databases THEN last -> 'next_xid' ELSE last #> '{counters,committed}' END) THEN
      RETURN jsonb_build_object('done', false, 'why', 'the server changed after the last sample', 'sample', sample);
    END IF;
  END IF;
  UPDATE pgsidecar.write_pause SET final_lsn = coalesce(final, final_lsn), guarantee = proved,
    proved_with = coalesce(counters, proved_with)
  WHERE generation = of_generation RETURNING * INTO pause;
  RETURN jsonb_build_object('done', true, 'record', to_jsonb(pause));
END
$$;
REVOKE ALL ON FUNCTION pgsidecar.note_proof(bigint, pg_lsn, text, jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgsidecar.note_proof(bigint, pg_lsn, text, jsonb, jsonb) TO pgsidecar;

-- Prolongs the lease: from now on, for so long.
CREATE OR REPLACE FUNCTION pgsidecar.renew_lease(of_generation bigint, for_time interval) RETURNS jsonb
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  pause pgsidecar.write_pause;
BEGIN
  PERFORM set_config('synchronous_commit', 'local', true);
  UPDATE pgsidecar.write_pause SET ttl = for_time, expires = clock_timestamp() + for_time
  WHERE generation = of_generation AND ended IS NULL AND committed IS NULL RETURNING * INTO pause;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('done', false, 'why', 'there is no such pause, or it has ended, or is committed');
  END IF;
  RETURN jsonb_build_object('done', true, 'record', to_jsonb(pause));
END
$$;
REVOKE ALL ON FUNCTION pgsidecar.renew_lease(bigint, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgsidecar.renew_lease(bigint, interval) TO pgsidecar;

-- Hands over: from now on only an order resumes here, and the target may be promoted beside this primary.
CREATE OR REPLACE FUNCTION pgsidecar.commit_hand_over(of_generation bigint, target text) RETURNS jsonb
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  pause pgsidecar.write_pause;
BEGIN
  PERFORM set_config('synchronous_commit', 'local', true);
  UPDATE pgsidecar.write_pause SET committed_to = target, committed = clock_timestamp()
  WHERE generation = of_generation AND ended IS NULL AND final_lsn IS NOT NULL AND committed IS NULL
    AND guarantee IS DISTINCT FROM 'broken' AND target <> node
  RETURNING * INTO pause;
  IF NOT FOUND THEN
    SELECT * INTO pause FROM pgsidecar.write_pause WHERE ended IS NULL;
    RETURN jsonb_build_object('done', coalesce(pause.generation = of_generation AND pause.committed_to = target, false),
        'why', 'there is no such pause, or nothing is proved, or it is committed to another',
        'record', CASE WHEN FOUND THEN to_jsonb(pause) END);
  END IF;
  RETURN jsonb_build_object('done', true, 'record', to_jsonb(pause));
END
$$;
REVOKE ALL ON FUNCTION pgsidecar.commit_hand_over(bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgsidecar.commit_hand_over(bigint, text) TO pgsidecar;

-- Puts back every value that is still the one the pause has set, and ends it, in one transaction. how: a word for the
-- history; 'expired' does it only where the lease has run out by this server's clock and nothing is committed.
CREATE OR REPLACE FUNCTION pgsidecar.resume_writes(of_generation bigint, how text) RETURNS jsonb
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  pause pgsidecar.write_pause;
  place record;
BEGIN
  PERFORM set_config('synchronous_commit', 'local', true);
  SELECT * INTO pause FROM pgsidecar.write_pause WHERE generation = of_generation FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('done', false, 'why', 'there is no such pause');
  ELSIF pause.ended IS NOT NULL THEN
    RETURN jsonb_build_object('done', true, 'changed', false, 'record', to_jsonb(pause));
  ELSIF how = 'expired' AND (pause.committed IS NOT NULL OR pause.expires > clock_timestamp()) THEN
    RETURN jsonb_build_object('done', false, 'why', 'committed, or renewed');
  END IF;
  pause.kept := '[]';
  FOR place IN
    SELECT p.*, d.datname, d.datconnlimit, d.datallowconn, (
        SELECT split_part(setting, '=', 2) FROM pg_db_role_setting AS s, unnest(s.setconfig) AS setting
        WHERE s.setdatabase = d.oid AND s.setrole = 0
          AND split_part(setting, '=', 1) = 'default_transaction_read_only') AS read_only_now
    FROM jsonb_to_recordset(pause.previous)
           AS p (oid oid, name text, connection_limit integer, allow_connections boolean, read_only text)
    LEFT JOIN pg_database AS d ON d.oid = p.oid
    ORDER BY p.name
  LOOP
    IF place.datname IS NULL THEN
      pause.kept := pause.kept || to_jsonb(format('%s was dropped', place.name));
      CONTINUE;
    ELSIF place.datconnlimit = -2 THEN -- whoever touches it is thrown out of the server
      pause.kept := pause.kept || to_jsonb(format('%s is what a failed DROP DATABASE has left', place.name));
      CONTINUE;
    END IF;
    IF pause.method = 'close' AND NOT place.datallowconn THEN
      EXECUTE format('ALTER DATABASE %I ALLOW_CONNECTIONS %s', place.datname, place.allow_connections::text);
    ELSIF pause.method = 'close' THEN
      pause.kept := pause.kept || to_jsonb(format('%s allows connections; before the pause: %s', place.datname,
          place.allow_connections));
    END IF;
    IF place.datconnlimit = 0 THEN
      EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT %s', place.datname, place.connection_limit);
    ELSE
      pause.kept := pause.kept || to_jsonb(format('%s has the connection limit %s; before the pause: %s', place.datname,
          place.datconnlimit, place.connection_limit));
    END IF;
    IF place.read_only_now IS DISTINCT FROM 'on' THEN
      pause.kept := pause.kept || to_jsonb(format('%s has default_transaction_read_only = %s; before the pause: %s',
          place.datname, coalesce(place.read_only_now, 'unset'), coalesce(place.read_only, 'unset')));
    ELSIF place.read_only IS NULL THEN
      EXECUTE format('ALTER DATABASE %I RESET default_transaction_read_only', place.datname);
    ELSE
      EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = %L', place.datname, place.read_only);
    END IF;
  END LOOP;
  UPDATE pgsidecar.write_pause SET ended = clock_timestamp(), ended_how = how, kept = pause.kept
  WHERE generation = of_generation RETURNING * INTO pause;
  RETURN jsonb_build_object('done', true, 'changed', true, 'record', to_jsonb(pause));
END
$$;
REVOKE ALL ON FUNCTION pgsidecar.resume_writes(bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgsidecar.resume_writes(bigint, text) TO pgsidecar;

-- The functions above act with their owner's rights, so a lease could not end if that role lost them: they belong to the one
-- superuser that always is one.
DO $$
DECLARE
  made regprocedure;
BEGIN
  EXECUTE format('ALTER TABLE pgsidecar.write_pause OWNER TO %I', (SELECT rolname FROM pg_roles WHERE oid = 10));
  FOR made IN SELECT oid FROM pg_proc WHERE pronamespace = 'pgsidecar'::regnamespace LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO %I', made, (SELECT rolname FROM pg_roles WHERE oid = 10));
  END LOOP;
END
$$;

COMMIT;
