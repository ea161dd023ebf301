-- Takes back what caretaker.sql gave in this database: run it in each of them, with psql as a superuser on the primary.
-- Partitions stay, and stay with the owner of their parent. After the last database the role can go: DROP ROLE pgsidecar_caretaker.
--
--   psql -X -d app -f uncaretaker.sql

\set ON_ERROR_STOP on
SET search_path = pg_catalog, pg_temp; -- nothing that somebody has put into another schema is called
SET client_min_messages = warning; -- what is gone already is no news

BEGIN;

-- DROP OWNED drops what the role owns: that must be nothing but what caretaker.sql made, without a conversion in it.
DO $$
DECLARE
  owned text;
BEGIN
  IF to_regclass('pgsidecar_conversion.pgsidecar_conversion') IS NOT NULL THEN
    LOCK TABLE pgsidecar_conversion.pgsidecar_conversion IN ACCESS EXCLUSIVE MODE;
    SELECT string_agg(spec ->> 'table', ', ') INTO owned FROM pgsidecar_conversion.pgsidecar_conversion;
    IF owned IS NOT NULL THEN
      RAISE EXCEPTION 'there are conversions of %', owned USING HINT = 'finish, revert or cancel them: pgsidecar partitions';
    END IF;
    DROP TABLE pgsidecar_conversion.pgsidecar_conversion;
    DROP SCHEMA pgsidecar_conversion;
    DROP SCHEMA pgsidecar_converted;
  END IF;
  SELECT string_agg(oid::regclass::text, ', ') INTO owned FROM pg_class
  WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = 'pgsidecar_caretaker');
  IF owned IS NOT NULL THEN
    RAISE EXCEPTION 'pgsidecar_caretaker owns %', owned USING HINT = 'ALTER TABLE ... OWNER TO the owner of its parent';
  END IF;
END
$$;
SELECT 'DROP OWNED BY pgsidecar_caretaker' WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = 'pgsidecar_caretaker') \gexec

COMMIT;
