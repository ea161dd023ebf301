-- The rights with which the agent keeps partitions maintained, without being a superuser. Run with psql as a superuser on the
-- primary in each database that partition.databases names, after observe.sql and after pg_partman was made there; and again
-- when there is a new partition set. Where pg_cron is in another database, run it there too. Safe to run again.
--
--   psql -X -d app -f caretaker.sql
--
-- For a table that is to become a partition set (docs/conversion.md), name it: its owner's rights are needed for that.
--
--   psql -X -d app -v convert=public.orders -f caretaker.sql

\set ON_ERROR_STOP on
SET search_path = pg_catalog, pg_temp; -- no object of another schema is called
SET client_min_messages = warning; -- what is granted already is no news

SELECT NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_partman') AS absent,
       EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') AS cron \gset
SELECT :'absent'::boolean AND NOT :'cron'::boolean AS nothing \gset
\if :nothing
  \echo 'caretaker.sql: there is neither pg_partman nor pg_cron in this database: CREATE EXTENSION pg_partman first'
  \quit 3
\endif

-- The agent takes this role to look at partition sets and to maintain them. From PostgreSQL 16 on it has nothing of it otherwise.
SELECT 'CREATE ROLE pgsidecar_caretaker NOLOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pgsidecar_caretaker') \gexec
SELECT 'GRANT pgsidecar_caretaker TO pgsidecar'
  || CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT FALSE, SET TRUE' ELSE '' END \gexec

-- Whose old transaction holds a set is told by name.
GRANT pg_read_all_stats TO pgsidecar_caretaker;

BEGIN;

-- What an ordinary role created under the names of this file, or can replace in pg_partman, would run with the rights of the
-- role that the agent uses.
DO $$
DECLARE
  found text;
BEGIN
  SELECT string_agg(what || ' belongs to ' || o.rolname, ', ') INTO found
  FROM (SELECT 'schema ' || nspname AS what, nspowner AS owner FROM pg_namespace
        WHERE nspname IN ('pgsidecar_conversion', 'pgsidecar_converted')
        UNION ALL
        SELECT 'relation pgsidecar_conversion.pgsidecar_conversion', relowner FROM pg_class
        WHERE oid = to_regclass('pgsidecar_conversion.pgsidecar_conversion')) AS there
       JOIN pg_roles AS o ON o.oid = there.owner
  WHERE o.rolname <> 'pgsidecar_caretaker';
  IF found IS NOT NULL THEN
    RAISE EXCEPTION '%, not to pgsidecar_caretaker', found
      USING HINT = 'Drop or rename what was not created by this file, and run it again.';
  END IF;
  IF EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('pgsidecar_conversion.pgsidecar_conversion') AND relkind <> 'r') THEN
    RAISE EXCEPTION 'pgsidecar_conversion.pgsidecar_conversion is not a table';
  END IF;

  SELECT string_agg(what || ' belongs to ' || o.rolname, ', ') INTO found
  FROM (SELECT 'extension ' || e.extname AS what, e.extowner AS owner FROM pg_extension AS e
        WHERE e.extname IN ('pg_partman', 'pg_cron')
        UNION ALL
        SELECT 'schema ' || n.nspname, n.nspowner FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
        WHERE e.extname = 'pg_partman' AND n.nspname <> 'public'
        UNION ALL
        -- its functions, and those of the same name that a call could find in their place
        SELECT 'function ' || p.oid::regprocedure, p.proowner
        FROM pg_extension AS e JOIN pg_proc AS p ON p.pronamespace = e.extnamespace
        WHERE e.extname = 'pg_partman' AND p.proname IN (
          SELECT member.proname FROM pg_depend AS d JOIN pg_proc AS member ON member.oid = d.objid AND d.classid = 'pg_proc'::regclass
          WHERE d.refobjid = e.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')
        UNION ALL
        SELECT 'relation ' || c.oid::regclass, c.relowner
        FROM pg_extension AS e JOIN pg_depend AS d ON d.refobjid = e.oid AND d.refclassid = 'pg_extension'::regclass
             JOIN pg_class AS c ON c.oid = d.objid AND d.classid = 'pg_class'::regclass
        WHERE e.extname IN ('pg_partman', 'pg_cron')) AS there
       JOIN pg_roles AS o ON o.oid = there.owner
  WHERE NOT o.rolsuper;
  IF found IS NOT NULL THEN
    RAISE EXCEPTION '%, which is not a superuser', found
      USING HINT = 'The agent calls these functions for the owners of all partition sets: they must belong to a superuser.';
  END IF;
END
$$;

SELECT format('GRANT CONNECT ON DATABASE %I TO pgsidecar', current_database()) \gexec
-- For a rescue.
SELECT format('GRANT TEMPORARY ON DATABASE %I TO pgsidecar_caretaker', current_database()) \gexec

\if :absent
\else
-- What pg_partman itself is made of, wherever it is: its tables and functions, and not what else is in that schema.
SELECT format('GRANT USAGE ON SCHEMA %I TO pgsidecar_caretaker', n.nspname)
FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'pg_partman' \gexec
SELECT CASE d.classid
    WHEN 'pg_class'::regclass THEN
      format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO pgsidecar_caretaker', d.objid::regclass)
    ELSE format('GRANT EXECUTE ON ROUTINE %s TO pgsidecar_caretaker', d.objid::regprocedure) END
FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
WHERE d.refclassid = 'pg_extension'::regclass AND e.extname = 'pg_partman' AND d.deptype = 'e'
  AND (d.classid = 'pg_proc'::regclass
    OR d.classid = 'pg_class'::regclass AND (SELECT relkind FROM pg_class WHERE oid = d.objid) IN ('r', 'v')) \gexec

-- Creating and dropping a partition takes the rights of its parent's owner. This file never grants the rights of a role that is,
-- or can become, as powerful as a superuser: by an attribute, by a predefined role, or as a member of such a role. Before
-- PostgreSQL 16 CREATEROLE can grant every predefined role.
CREATE TEMPORARY TABLE superuser_equivalent ON COMMIT DROP AS
  SELECT r.oid AS role, r.rolname FROM pg_roles AS r
  WHERE r.rolname = 'pg_database_owner' OR EXISTS (
    SELECT FROM pg_roles AS more
    WHERE pg_has_role(r.oid, more.oid, 'MEMBER')
      AND (more.rolsuper OR more.rolreplication OR more.rolbypassrls
        OR more.rolcreaterole AND current_setting('server_version_num')::int < 160000
        OR more.rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files', 'pg_read_all_data',
                            'pg_write_all_data')));
SELECT format('REVOKE %I FROM pgsidecar_caretaker', e.rolname)
FROM pg_auth_members AS m JOIN superuser_equivalent AS e ON e.role = m.roleid
WHERE m.member = 'pgsidecar_caretaker'::regrole \gexec
SELECT e.extnamespace::regnamespace AS partman FROM pg_extension AS e WHERE e.extname = 'pg_partman' \gset
CREATE TEMPORARY TABLE parent ON COMMIT DROP AS
  SELECT c.oid, c.relowner, r.rolname AS owner, r.oid IN (SELECT role FROM superuser_equivalent) AS superuser_equivalent
  FROM :partman.part_config AS p
  JOIN pg_namespace AS n ON n.nspname = split_part(p.parent_table, '.', 1)
  JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = split_part(p.parent_table, '.', 2)
  JOIN pg_roles AS r ON r.oid = c.relowner;
\if :{?convert}
INSERT INTO parent
  SELECT c.oid, c.relowner, r.rolname, r.oid IN (SELECT role FROM superuser_equivalent)
  FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner WHERE c.oid = :'convert'::regclass;
\endif
SELECT DISTINCT format('GRANT %I TO pgsidecar_caretaker', owner) FROM parent WHERE NOT superuser_equivalent \gexec

-- pg_partman leaves a partition to whoever made it: one that a superuser made could not be dropped by retention, nor altered
-- by the owner of its parent.
SELECT format('ALTER TABLE %s OWNER TO %I', child.oid::regclass, parent.owner)
FROM parent CROSS JOIN LATERAL pg_partition_tree(parent.oid) AS t JOIN pg_class AS child ON child.oid = t.relid
WHERE child.relowner <> parent.relowner AND NOT parent.superuser_equivalent \gexec

-- A row that a conversion copies refers to what the row that it is copied from refers to: that need not be looked up, and locked.
GRANT SET ON PARAMETER session_replication_role TO pgsidecar_caretaker;

-- Where a conversion keeps its progress and the new table; and the old one until it is finished. See docs/conversion.md.
CREATE SCHEMA IF NOT EXISTS pgsidecar_conversion AUTHORIZATION pgsidecar_caretaker;
CREATE SCHEMA IF NOT EXISTS pgsidecar_converted AUTHORIZATION pgsidecar_caretaker;
CREATE TABLE IF NOT EXISTS pgsidecar_conversion.pgsidecar_conversion (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  operation text NOT NULL UNIQUE, -- that began it
  ordered_by text NOT NULL,
  began timestamptz NOT NULL DEFAULT now(),
  phase text NOT NULL,
  paused boolean NOT NULL DEFAULT false,
  spec jsonb NOT NULL, -- what was planned: tables, columns, key
  fingerprint text, -- of the table that clients use, without which nothing goes on
  last jsonb, -- up to which key rows are copied, or verified
  rows bigint NOT NULL DEFAULT 0, -- that were copied, or verified
  total bigint NOT NULL, -- about
  written text, -- the last transaction that copied rows
  written_at timestamptz,
  changed timestamptz NOT NULL DEFAULT now());
ALTER TABLE pgsidecar_conversion.pgsidecar_conversion OWNER TO pgsidecar_caretaker;

SELECT format('%s belongs to %I, who is or may become more than an ordinary role: ALTER TABLE %s OWNER TO another, and run this'
              ' again', oid::regclass, owner, oid::regclass) AS "still to do" FROM parent WHERE superuser_equivalent
UNION ALL
SELECT format('sets belong to %s: whoever owns one can act as the others through the agent; see docs/security.md',
              string_agg(DISTINCT o.rolname, ', '))
FROM pg_auth_members AS m JOIN pg_roles AS o ON o.oid = m.roleid JOIN pg_roles AS c ON c.oid = m.member
WHERE c.rolname = 'pgsidecar_caretaker' AND o.rolname <> 'pg_read_all_stats' HAVING count(DISTINCT o.rolname) > 1;
\endif

-- pg_cron shows each role its own jobs only. With this the agent sees that a job maintains partitions already.
\if :cron
  GRANT USAGE ON SCHEMA cron TO pgsidecar_caretaker;
  GRANT SELECT ON cron.job TO pgsidecar_caretaker;
  DROP POLICY IF EXISTS pgsidecar_caretaker ON cron.job;
  CREATE POLICY pgsidecar_caretaker ON cron.job FOR SELECT TO pgsidecar_caretaker USING (true);
\endif

COMMIT;
