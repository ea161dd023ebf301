package dev.pgsidecar.postgres.catalog;

import static dev.pgsidecar.postgres.catalog.Fields.micros;

import io.vertx.core.json.JsonObject;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * What there is of pg_partman in one database, and who else may be maintaining it.
 *
 * @param schema where the extension is, as SQL; absent where it is not installed
 * @param version the extension's
 * @param role {@value #ROLE}, if the agent may take it
 * @param cronDatabase where pg_cron keeps its jobs; absent where it is not loaded
 * @param workerDatabases those that pg_partman's own background worker maintains
 */
public record Partman(
        boolean inRecovery,
        Optional<String> schema,
        Optional<String> version,
        Optional<String> role,
        Optional<String> cronDatabase,
        List<String> workerDatabases) {

    /** The role that deploy/sql/caretaker.sql makes. */
    public static final String ROLE = "pgsidecar_caretaker";

    /** Asks for it; also which server this is. */
    public static final String PROBE = """
            SELECT json_build_object(
              'system_identifier', (SELECT system_identifier::text FROM pg_control_system()),
              'in_recovery', pg_is_in_recovery(),
              'role', (SELECT rolname FROM pg_roles WHERE rolname = '%s' AND pg_has_role(current_user, oid, 'MEMBER')),
              'partman', (SELECT json_build_object('schema', quote_ident(n.nspname), 'version', e.extversion)
                 FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'pg_partman'),
              'cron', current_setting('cron.database_name', true),
              'worker', (SELECT current_setting('pg_partman_bgw.dbname', true) FROM pg_settings
                 WHERE name = 'shared_preload_libraries' AND setting LIKE '%%pg_partman_bgw%%'))""".formatted(ROLE);

    /** The jobs of pg_cron, as far as this role may see them, that call pg_partman; asked in its database. */
    public static final String CRON_JOBS = """
            SELECT json_build_object(
              'sees_all', NOT row_security_active('cron.job') OR EXISTS (SELECT FROM pg_policies
                 WHERE schemaname = 'cron' AND tablename = 'job' AND current_user = ANY (roles)),
              'jobs', %s)""".formatted(Fields.rows("""
                    SELECT jobid, jobname, database, schedule FROM cron.job
                    WHERE active AND command ~* '\\mrun_maintenance(_proc)?\\M' ORDER BY jobid"""));

    /** Reads what {@link #PROBE} answered. */
    public static Partman of(JsonObject row) {
        Fields fields = new Fields(row);
        Optional<Fields> partman = fields.object("partman");
        return new Partman(
                fields.flag("in_recovery").orElseThrow(),
                partman.flatMap(found -> found.text("schema")),
                partman.flatMap(found -> found.text("version")),
                fields.text("role"),
                fields.text("cron").filter(name -> !name.isBlank()),
                Arrays.stream(fields.text("worker").orElse("").split(","))
                        .map(String::strip)
                        .filter(name -> !name.isEmpty())
                        .toList());
    }

    /** A job of pg_cron that maintains partitions. */
    public record CronJob(long id, Optional<String> name, String database, String schedule) {

        /** Whether the role sees those of other roles, too. */
        public static boolean seesAll(JsonObject row) {
            return new Fields(row).flag("sees_all").orElse(false);
        }

        /** Reads what {@link #CRON_JOBS} answered. */
        public static List<CronJob> of(JsonObject row) {
            return new Fields(row)
                    .list(
                            "jobs",
                            fields -> new CronJob(
                                    fields.number("jobid").orElseThrow(),
                                    fields.text("jobname"),
                                    fields.text("database").orElse(""),
                                    fields.text("schedule").orElse("")));
        }
    }

    /** How much of each set is asked for. */
    public enum Depth {
        /** Its settings. */
        SETTINGS,
        /** Its partitions, too. */
        PARTITIONS,
        /** And their sizes, which cost a look at some files each. */
        SIZES
    }

    /**
     * The statement for sets; $1 is a set's name, or null for all. Its one row has one column of type json.
     */
    public static String sets(String schema, Depth depth) {
        return """
                SELECT json_build_object('sets', %s)""".formatted(Fields.rows(
                """
                SELECT to_jsonb(c) AS config, parent.oid::bigint AS oid, t.typname AS control_type,
                       CASE WHEN parent.oid IS NOT NULL THEN format('%%I.%%I', pn.nspname, parent.relname) END AS quoted, quote_ident(c.control) AS control_quoted,
                       parent.relkind = 'p' AS partitioned, parent.relispartition AS is_partition,
                       pg_get_userbyid(parent.relowner) AS owner, pg_has_role(parent.relowner, 'USAGE') AS owned,
                       (SELECT count(*) FROM pg_inherits AS i JOIN pg_class AS k ON k.oid = i.inhrelid
                        WHERE i.inhparent = parent.oid AND NOT pg_has_role(k.relowner, 'USAGE')) AS strangers,
                       (SELECT rolsuper FROM pg_roles WHERE oid = parent.relowner) AS owner_super,
                       EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND confrelid IN (parent.oid,
                         (SELECT partdefid FROM pg_partitioned_table WHERE partrelid = parent.oid))) AS referenced,
                       %s AS partitions
                FROM %s.part_config AS c
                LEFT JOIN pg_namespace AS pn ON pn.nspname = split_part(c.parent_table, '.', 1)
                LEFT JOIN pg_class AS parent
                  ON parent.relnamespace = pn.oid AND parent.relname = split_part(c.parent_table, '.', 2)
                LEFT JOIN pg_attribute AS a ON a.attrelid = parent.oid AND a.attname = c.control AND NOT a.attisdropped
                LEFT JOIN pg_type AS t ON t.oid = a.atttypid
                WHERE $1::text IS NULL OR c.parent_table = $1::text
                ORDER BY (to_jsonb(c) ->> 'maintenance_order')::int NULLS LAST, c.parent_table""".formatted(depth == Depth.SETTINGS ? "'[]'::json" : Fields.rows(partitions(depth, "")), schema)));
    }

    /** The statement for those partitions of a set that are none of $1, their oids. */
    public static String newPartitions(PartitionSet set) {
        return """
                SELECT json_build_object('partitions', %s)
                FROM pg_class AS parent JOIN pg_attribute AS a ON a.attrelid = parent.oid JOIN pg_type AS t ON t.oid = a.atttypid
                WHERE parent.oid = %d AND quote_ident(a.attname) = $2::text""".formatted(
                Fields.rows(partitions(Depth.PARTITIONS, "AND i.inhrelid::bigint <> ALL ($1::bigint[])")), set.oid());
    }

    /**
     * Each bound is read once: there may be thousands. With the partition's oid pg_get_expr would open each of them (tried: five
     * times as slow); a bound names no column that it would need it for.
     */
    private static String partitions(Depth depth, String condition) {
        String size = depth == Depth.SIZES
                ? "(SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint FROM pg_partition_tree(b.oid::oid))"
                : "0";
        String point = """
                CASE WHEN times AND ends[%1$d] ~ '^[0-9]{4,5}-' THEN %2$s
                     WHEN NOT times AND ends[%1$d] ~ '^-?[0-9]{1,18}([.][0-9]+)?$' THEN trunc(ends[%1$d]::numeric)::bigint END""";
        return """
                SELECT b.oid, b.name, b.quoted, b.bound = 'DEFAULT' AS is_default, %s AS bytes, %s AS from, %s AS to
                FROM (SELECT child.oid::bigint AS oid, n.nspname || '.' || child.relname AS name,
                        format('%%I.%%I', n.nspname, child.relname) AS quoted, e.bound,
                        t.typname IN ('timestamptz', 'timestamp', 'date') AS times,
                        CASE WHEN t.typname NOT IN ('text', 'varchar', 'uuid')
                          THEN string_to_array(translate(substr(e.bound, CASE WHEN e.bound LIKE 'FOR VALUES FROM %%' THEN 17
                                                WHEN e.bound LIKE 'FOR VALUES IN %%' THEN 15 END), '()''', ''), ' TO ')
                        END || CASE WHEN e.bound LIKE 'FOR VALUES IN (%%' AND t.typname LIKE 'int%%'
                          THEN ARRAY[(substring(e.bound FROM '-?[0-9]+')::numeric + 1)::text] ELSE '{}' END AS ends
                      FROM pg_inherits AS i
                      JOIN pg_class AS child ON child.oid = i.inhrelid
                      JOIN pg_namespace AS n ON n.oid = child.relnamespace
                      CROSS JOIN LATERAL (SELECT pg_get_expr(child.relpartbound, 0) AS bound OFFSET 0) AS e
                      WHERE i.inhparent = parent.oid %s OFFSET 0) AS b
                ORDER BY 6 NULLS LAST, b.name""".formatted(
                        size,
                        point.formatted(1, micros("ends[1]::timestamptz")),
                        point.formatted(2, micros("ends[2]::timestamptz")),
                        condition);
    }

    /** Reads what {@link #sets} answered. */
    public static List<PartitionSet> sets(JsonObject row) {
        return new Fields(row).list("sets", PartitionSet::of);
    }
}
