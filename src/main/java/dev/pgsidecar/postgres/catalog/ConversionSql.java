package dev.pgsidecar.postgres.catalog;

import dev.pgsidecar.postgres.catalog.Conversion.Spec;
import dev.pgsidecar.postgres.catalog.PlainTable.Index;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The DDL of a conversion: statements that make, exchange and drop whole tables. Those of the server's own words come from it. */
public final class ConversionSql {

    private ConversionSql() {}

    /** The new table, empty and without partitions, with all that it can be given before there are rows. */
    public static List<String> create(PlainTable table, Spec spec) {
        List<String> statements = new ArrayList<>();
        statements.add(
                "CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING IDENTITY INCLUDING STORAGE INCLUDING COMPRESSION INCLUDING COMMENTS) PARTITION BY RANGE (%s)%s"
                        .formatted(
                                spec.incoming(),
                                table.quoted(),
                                spec.control().name(),
                                table.tablespace()
                                        .map(space -> " TABLESPACE " + space)
                                        .orElse("")));
        table.indexes().forEach(index -> statements.addAll(index(table, spec, index)));
        statements.addAll(table.ddl().before());
        statements.addAll(table.ddl().triggers());
        table.triggers()
                .forEach(trigger ->
                        statements.add("ALTER TABLE %s DISABLE TRIGGER %s".formatted(spec.incoming(), trigger.name())));
        statements.add("CREATE TABLE %s (LIKE %s)%s"
                .formatted(
                        spec.template(),
                        table.quoted(),
                        table.options().isEmpty() ? "" : " WITH (" + String.join(", ", table.options()) + ")"));
        statements.add("COMMENT ON TABLE %s IS %s"
                .formatted(spec.template(), "'what pg_partman gives new partitions of %s'".formatted(spec.table())));
        return statements;
    }

    /** A unique index that lacks the control column gets it as a constraint, and is not unique any more as an index. */
    private static List<String> index(PlainTable table, Spec spec, Index index) {
        boolean lacksControl =
                index.unique() && !index.columns().contains(spec.control().name());
        if (index.constraint().isPresent()) {
            String definition = index.constraintDefinition().orElseThrow();
            String columns = String.join(", ", index.columns());
            String whole = lacksControl
                    ? definition.replaceFirst(
                            Pattern.quote("(" + columns + ")"),
                            Matcher.quoteReplacement(
                                    "(" + columns + ", " + spec.control().name() + ")"))
                    : definition;
            return List.of("ALTER TABLE %s ADD CONSTRAINT %s %s"
                    .formatted(spec.incoming(), index.constraint().get(), whole));
        }
        String definition =
                index.definition().replace(" ON %s ".formatted(table.quoted()), " ON %s ".formatted(spec.incoming()));
        String ordinary = lacksControl ? definition.replaceFirst("CREATE UNIQUE INDEX", "CREATE INDEX") : definition;
        return index.tablespace().isPresent()
                ? List.of(
                        "SET LOCAL default_tablespace = " + index.tablespace().get(),
                        ordinary,
                        "RESET default_tablespace")
                : List.of(ordinary);
    }

    /** Makes the set; $1 the new table, $2 its control column, $3 the interval, $4 premake, $5 the first partition, $6 the template. */
    public static String createParent(String schema, String version) {
        return """
                SELECT json_build_object('made', %s.create_parent(p_parent_table => $1::text, p_control => $2::text,
                  p_type => '%s', p_interval => $3::text, p_premake => $4::int, p_automatic_maintenance => 'off',
                  p_start_partition => $5::text, p_template_table => $6::text, p_jobmon => false))""".formatted(schema, version.startsWith("4.") ? "native" : "range");
    }

    /**
     * The range of the control column, as texts and as points on the set's axis, and what there would be of partitions, counted
     * up to some thousands.
     */
    public static String range(PlainTable table, String control, boolean byTime, String interval) {
        String step = byTime ? "interval '%s'".formatted(interval) : interval;
        String point = byTime ? Fields.micros("%s::timestamptz") : "%s::bigint";
        String sound = byTime ? "coalesce(isfinite(r.low) AND isfinite(r.high), true)" : "true";
        String times = byTime ? "::timestamptz" : "";
        return """
                SELECT json_build_object('low', r.low::text, 'high', r.high::text, 'sound', %1$s,
                  'from', CASE WHEN %1$s THEN %2$s END, 'to', CASE WHEN %1$s THEN %3$s END,
                  'now', %4$s,
                  'partitions', CASE WHEN %1$s THEN (SELECT count(*) FROM (SELECT FROM generate_series(r.low%5$s, r.high%5$s, %6$s) LIMIT 5001) AS g) ELSE 5001 END,
                  'ahead', CASE WHEN %1$s THEN (SELECT count(*) FROM (SELECT FROM generate_series(%7$s, r.high%5$s, %6$s) LIMIT 5001) AS g) ELSE 5001 END)
                FROM (SELECT min(%8$s) AS low, max(%8$s) AS high FROM ONLY %9$s) AS r""".formatted(
                        sound,
                        point.formatted("r.low"),
                        point.formatted("r.high"),
                        Fields.micros("clock_timestamp()"),
                        times,
                        step,
                        byTime ? "now()" : "r.high",
                        control,
                        table.quoted());
    }

    /** Whether $1 is an interval that pg_partman can part by; an error if it is none. */
    public static final String INTERVAL =
            "SELECT json_build_object('sound', $1::text::interval >= interval '1 second', 'canonical', ($1::text::interval)::text)";

    /** Statements that move partitions, which are where the new table is, to their place. */
    public static String leaves(Spec spec) {
        return statements(spec, "format('ALTER TABLE %s SET SCHEMA " + spec.schema() + "', c.oid::regclass)", ofNew());
    }

    /**
     * Statements that give the new table the foreign keys that only the old one has, while it is empty: whoever writes the tables
     * that it refers to waits for a moment, and nobody who reads them. With its rows it would have to be looked through, or
     * partitions' keys be joined, which locks those tables altogether.
     */
    public static String references(Spec spec) {
        return """
                WITH missing AS (SELECT k.oid, k.confrelid::regclass AS refers, k.conname AS name, pg_get_constraintdef(k.oid) AS definition FROM pg_constraint AS k
                  WHERE k.conrelid = to_regclass('%1$s') AND k.contype = 'f' AND NOT EXISTS (SELECT FROM pg_constraint AS there
                    WHERE there.conrelid = '%2$s'::regclass AND there.conname = k.conname))
                SELECT json_build_object('statements', (SELECT coalesce(json_agg(json_build_object('table', refers, 'statement',
                    format('ALTER TABLE %2$s ADD CONSTRAINT %%I %%s', name, definition) || coalesce(format(
                      '; COMMENT ON CONSTRAINT %%I ON %2$s IS %%L', name, obj_description(oid, 'pg_constraint')), ''))
                    ORDER BY name), '[]') FROM missing))""".formatted(spec.table(), spec.incoming());
    }

    /** Statements that keep autovacuum from partitions. */
    public static String unvacuumed(Spec spec) {
        return statements(
                spec,
                "format('ALTER TABLE %s SET (autovacuum_enabled = false)', c.oid::regclass)",
                "'autovacuum_enabled=false' = ANY (c.reloptions) IS NOT TRUE");
    }

    private static String ofNew() {
        return "c.relnamespace = '%s'::regnamespace".formatted(Conversion.NEW);
    }

    private static String statements(Spec spec, String statement, String condition) {
        return """
                SELECT json_build_object('statements', (SELECT coalesce(json_agg(
                    json_build_object('statement', %s, 'table', c.oid::regclass)), '[]')
                  FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
                  WHERE i.inhparent = '%s'::regclass AND %s))""".formatted(statement, spec.incoming(), condition);
    }

    /** Whether a partition is at its place. */
    public static String placed(Spec spec) {
        return "SELECT json_build_object('placed', EXISTS (SELECT FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"
                + " WHERE i.inhparent = to_regclass('%s') AND NOT %s))".formatted(spec.incoming(), ofNew());
    }

    /** Statements that let partitions be vacuumed again, one after the other. */
    public static String vacuumable(Spec spec) {
        String back = spec.options().stream()
                .filter(option -> option.startsWith("autovacuum_enabled="))
                .map(option -> "SET (%s)".formatted(option))
                .findFirst()
                .orElse("RESET (autovacuum_enabled)");
        return """
                SELECT json_build_object('statements', (SELECT coalesce(json_agg(
                    json_build_object('statement', format('ALTER TABLE %%s %s', c.oid::regclass), 'table', c.oid::regclass)), '[]')
                  FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
                  WHERE i.inhparent = '%s'::regclass AND 'autovacuum_enabled=false' = ANY (c.reloptions)))""".formatted(back, spec.table());
    }

    /** Statements that exchange the names of the statistics objects of two tables, $1 and $2, which go out and come in. */
    public static final String STATISTICS = """
            SELECT json_build_object('statements', (SELECT coalesce(json_agg(format('ALTER STATISTICS %I.%I SET SCHEMA %I',
                s.stxnamespace::regnamespace::text, s.stxname, CASE WHEN s.stxrelid = $1::text::regclass THEN $3::text ELSE $4::text END)
                ORDER BY s.stxrelid = $1::text::regclass DESC), '[]')
              FROM pg_statistic_ext AS s WHERE s.stxrelid IN ($1::text::regclass, $2::text::regclass)))""";

    /** A statement that lets the sequence of column $3 of table $2 go on where that of table $1 is. */
    public static final String SETVAL = """
            SELECT json_build_object('statement', format('SELECT setval(%L, last_value, is_called) FROM %s',
              pg_get_serial_sequence($2::text, $3::text), pg_get_serial_sequence($1::text, $3::text)))""";

    /** A name that was quoted as SQL, without that. */
    public static String raw(String name) {
        return name.startsWith("\"") ? name.substring(1, name.length() - 1).replace("\"\"", "\"") : name;
    }

    /** Lets the shared sequences belong to this table. */
    public static Stream<String> own(Spec spec, String table) {
        return spec.sequences().stream()
                .filter(sequence -> !sequence.identity())
                .map(sequence ->
                        "ALTER SEQUENCE %s OWNED BY %s.%s".formatted(sequence.name(), table, sequence.column()));
    }

    /** Switches the user's triggers to what they were. */
    public static Stream<String> triggersBack(Spec spec, String table) {
        return spec.triggers().stream().map(trigger -> "ALTER TABLE %s %s TRIGGER %s"
                .formatted(
                        table,
                        switch (trigger.state()) {
                            case "A" -> "ENABLE ALWAYS";
                            case "R" -> "ENABLE REPLICA";
                            case "D" -> "DISABLE";
                            default -> "ENABLE";
                        },
                        trigger.name()));
    }

    /** Switches them off: rows are only copied to this table. */
    public static Stream<String> triggersOff(Spec spec, String table) {
        return spec.triggers().stream()
                .map(trigger -> "ALTER TABLE %s DISABLE TRIGGER %s".formatted(table, trigger.name()));
    }

    /** pg_partman's name of the set, $1 before and $2 after; $3 whether its maintenance is on. */
    public static String rename(String schema) {
        return "UPDATE %s.part_config SET parent_table = $2::text, automatic_maintenance = $3::text WHERE parent_table = $1::text"
                .formatted(schema);
    }

    /** Forgets the set $1. */
    public static String forget(String schema) {
        return "DELETE FROM %s.part_config WHERE parent_table = $1::text".formatted(schema);
    }

    /** Who holds the table of oid $1 against an exclusive lock, for longer than a second. */
    public static final String HOLDERS = """
            SELECT json_build_object('holders', (SELECT coalesce(json_agg(DISTINCT format('pid %s, %s, since %s', a.pid,
                coalesce(nullif(a.application_name, ''), a.usename, a.backend_type), coalesce(a.xact_start, a.backend_start))), '[]')
              FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
              WHERE l.locktype = 'relation' AND l.granted AND l.relation = $1::text::regclass AND l.pid <> pg_backend_pid()
                AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND a.xact_start < clock_timestamp() - interval '1 s'))""";

    /** The name of the table of oid $1 now, null if it is gone. */
    public static final String NAME_OF =
            "SELECT json_build_object('name', (SELECT oid::regclass::text FROM pg_class WHERE oid = $1::bigint::oid))";

    private static final String SCHEMAS = "ALL ON SCHEMA %s, %s".formatted(Conversion.NEW, Conversion.OLD);

    /** Its triggers, which are the owner's, look at how far it is. */
    private static final String HOW_FAR = "SELECT (id, phase) ON " + Conversion.TABLE;

    /** Gives the owner, whose name is SQL, what it needs in the agent's schemas. */
    public static String rights(String owner) {
        return "GRANT %1$s TO %3$s; GRANT %2$s TO %3$s".formatted(SCHEMAS, HOW_FAR, owner);
    }

    /** A statement that takes the owner's rights back, if it has no other conversion; $1 the owner's name as SQL. */
    public static final String RIGHTS_BACK = """
            SELECT json_build_object('statements', CASE WHEN EXISTS (SELECT FROM %1$s WHERE spec ->> 'owner' = $1::text) THEN '[]'::json
              ELSE json_build_array(format('REVOKE %2$s FROM %%1$s; REVOKE %3$s FROM %%1$s', $1::text)) END)""".formatted(Conversion.TABLE, SCHEMAS, HOW_FAR);
}
