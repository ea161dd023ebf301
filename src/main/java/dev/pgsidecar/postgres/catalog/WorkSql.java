package dev.pgsidecar.postgres.catalog;

import dev.pgsidecar.postgres.catalog.PartitionSet.Unit;

/**
 * The statements with which pg_partman is told to work on a set. The set comes from the server, which has quoted its names.
 *
 * @param schema pg_partman's
 */
public record WorkSql(PartitionSet set, String schema) {

    private static final String LOCK = "hashtext('pg_partman run_maintenance')";

    /**
     * Keeps out every other maintenance of this database until the transaction ends. It waits in the lock's queue, as long as
     * lock_timeout allows: one that only tried would lose to maintainers that come back at once.
     */
    public static final String AWAIT_TURN = "SELECT pg_advisory_xact_lock(%s)".formatted(LOCK);

    /** Who keeps this one out. */
    public static final String WHOSE_TURN = """
            SELECT json_build_object('holder', (
              SELECT format('pid %%s, %%s, in this session since %%s; if it only rests: SELECT pg_terminate_backend(%%s)',
                            a.pid, coalesce(nullif(a.application_name, ''), a.usename), a.backend_start, a.pid)
              FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
              WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND a.datname = current_database()
                AND (l.classid::bigint << 32) | l.objid::bigint = %s::bigint LIMIT 1))""".formatted(LOCK);

    /** Statements that switch a table's triggers off, and back to what they were; $1 is its oid. */
    public static final String TRIGGERS = """
            SELECT json_build_object(
              'off', coalesce(json_agg(format('ALTER TABLE %s DISABLE TRIGGER %I', tgrelid::regclass, tgname)), '[]'),
              'back', coalesce(json_agg(format('ALTER TABLE %s %s TRIGGER %I', tgrelid::regclass,
                 CASE tgenabled WHEN 'A' THEN 'ENABLE ALWAYS' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE' END, tgname)), '[]'))
            FROM pg_trigger WHERE tgrelid = $1::bigint::oid AND NOT tgisinternal AND tgenabled <> 'D'""";

    /** The publications of a set that name its partitions, not the set; $1 is its parent. */
    public static final String PUBLICATIONS = """
            SELECT json_build_object('names', coalesce(json_agg(DISTINCT p.pubname), '[]'))
            FROM pg_publication AS p
            JOIN pg_publication_tables AS t USING (pubname)
            JOIN pg_namespace AS n ON n.nspname = t.schemaname
            JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = t.tablename
            WHERE NOT p.pubviaroot AND (c.oid = $1::text::regclass
              OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = $1::text::regclass))""";

    /** The set's retention, which nobody else can change before the transaction ends; $1 is its name. */
    public String retentionLocked() {
        return "SELECT json_build_object('retention', retention) FROM %s.part_config WHERE parent_table = $1::text FOR UPDATE"
                .formatted(schema);
    }

    /** Sets the retention; $1 is the set's name. */
    public String setRetention() {
        return """
                WITH changed AS (UPDATE %s.part_config SET retention = $2::text WHERE parent_table = $1::text RETURNING 1)
                SELECT json_build_object('rows', count(*)) FROM changed""".formatted(schema);
    }

    /** pg_partman's own maintenance of one set; $1 is its name. */
    public String runMaintenance() {
        return "SELECT json_build_object('said', %s.run_maintenance($1::text, p_analyze => false)::text)"
                .formatted(schema);
    }

    /** pg_partman's own retention of one set; $1 is its name. */
    public String drop() {
        return "SELECT json_build_object('dropped', %s.drop_partition_%s($1::text))".formatted(schema, kind());
    }

    private String kind() {
        return set.unit().filter(unit -> unit == Unit.NUMBER).isPresent() ? "id" : "time";
    }

    private String from() {
        return set.defaultPartition().orElseThrow().quoted();
    }

    /** A point of the set's axis, as the server knows it. */
    private String point(String parameter) {
        return set.byTime()
                ? "(timestamptz 'epoch' + %s::bigint * interval '1 microsecond')".formatted(parameter)
                : parameter + "::bigint";
    }

    /**
     * Parent before partition, as every statement of an application locks them. A statement that was planned without the new
     * partition, and then waits for the default one, would see its rows in neither: nobody may get past the parent.
     */
    public String lock() {
        return "LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE; LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE"
                .formatted(set.quoted(), from());
    }

    /** A temporary table for the rows while their partition is made: it cannot be as long as they are in the default one. */
    public String makeShelf() {
        return "CREATE TEMPORARY TABLE pgsidecar_shelf (LIKE %s) ON COMMIT DROP".formatted(from());
    }

    /** Puts the rows from $1 to $2 there. */
    public String take() {
        String value = set.unit().orElseThrow().expression(set.control());
        return """
                WITH gone AS (DELETE FROM ONLY %s WHERE %s >= %s AND %s < %s RETURNING *),
                     put AS (INSERT INTO pg_temp.pgsidecar_shelf SELECT * FROM gone RETURNING 1)
                SELECT json_build_object('rows', count(*)) FROM put""".formatted(from(), value, point("$1"), value, point("$2"));
    }

    /** Makes the partitions of set $1 from $2 up to $3. */
    public String fill() {
        String interval = "(SELECT partition_interval::%s FROM %s.part_config WHERE parent_table = $1::text)"
                .formatted(set.byTime() ? "interval" : "bigint", schema);
        String last = set.byTime() ? " - interval '1 microsecond'" : " - 1";
        return """
                SELECT json_build_object('made', %s.create_partition_%s($1::text, array_agg(low)))
                FROM generate_series(%s, %s%s, %s) AS low""".formatted(schema, kind(), point("$2"), point("$3"), last, interval);
    }

    /** Makes the partition of set $1 that begins at $2. */
    public String create() {
        return "SELECT json_build_object('made', %s.create_partition_%s($1::text, ARRAY[%s]))"
                .formatted(schema, kind(), point("$2"));
    }

    /** The columns of a table that a row is put into, as SQL: not those that are generated; $1 is its oid. */
    public static final String COLUMNS = """
            SELECT json_build_object('columns', string_agg(quote_ident(attname), ', ' ORDER BY attnum)) FROM pg_attribute
            WHERE attrelid = $1::bigint::oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''""";

    /** Puts all rows into a partition, with every value as it was. Its columns may have another order. */
    public String put(Partition to, String columns) {
        return """
                WITH put AS (INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE
                             SELECT %s FROM pg_temp.pgsidecar_shelf RETURNING 1)
                SELECT json_build_object('rows', count(*)) FROM put""".formatted(to.quoted(), columns, columns);
    }

    /** Statements that give partitions to the owner of their parent, $1, as far as this role may. */
    public String ownership() {
        return """
                SELECT json_build_object('statements', coalesce(json_agg(
                    format('ALTER TABLE %s OWNER TO %I', c.oid::regclass, pg_get_userbyid(p.relowner))), '[]'))
                FROM pg_class AS p
                JOIN pg_inherits AS i ON i.inhparent = p.oid JOIN pg_class AS child ON child.oid = i.inhrelid
                CROSS JOIN LATERAL pg_partition_tree(child.oid) AS t JOIN pg_class AS c ON c.oid = t.relid
                WHERE p.oid = $1::text::regclass AND child.relowner <> p.relowner
                  AND c.relowner <> p.relowner AND pg_has_role(c.relowner, 'USAGE')""";
    }

    /**
     * Who has a transaction older than $3 seconds and a lock that a new partition of $1, or dropping those of $2, waits for. Whoever
     * has none any more has ended it since the locks were read.
     *
     * @param exclusive whether the parent is to be locked against everybody
     */
    public String holders(boolean exclusive) {
        return """
                SELECT json_build_object('holders', coalesce(json_agg(DISTINCT CASE WHEN l.pid IS NULL
                    THEN 'a prepared transaction (pg_prepared_xacts)'
                    ELSE format('pid %%s, %%s, in a transaction since %%s', a.pid,
                      coalesce(nullif(a.application_name, ''), a.usename), a.xact_start) END), '[]'))
                FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
                WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
                  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                  AND coalesce(a.backend_type, '') <> 'autovacuum worker'
                  AND (l.pid IS NULL OR a.xact_start < clock_timestamp() - make_interval(secs => $3::float8))
                  AND (l.relation = %s OR l.relation = ANY (SELECT unnest($2::bigint[])::oid)
                    OR l.relation = $1::text::regclass
                      AND (%s OR l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')))""".formatted(set.defaultPartition().map(Partition::oid).orElse(0L), exclusive);
    }
}
