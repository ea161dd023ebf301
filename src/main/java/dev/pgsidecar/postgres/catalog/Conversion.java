package dev.pgsidecar.postgres.catalog;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A table on its way to become a partition set, as the database itself remembers it: it survives the agent, the server and
 * a promote.
 *
 * @param operation the operation that began it
 * @param paused whether somebody holds it back
 * @param spec what was planned
 * @param fingerprint of the table that clients use; while it is the same, nobody has altered that
 * @param last up to which key rows are copied, or verified; absent at the beginning
 * @param rows how many were copied, or verified
 * @param total how many there are, about
 * @param written the last transaction that copied rows
 */
public record Conversion(
        long id,
        String operation,
        String orderedBy,
        Instant began,
        Phase phase,
        boolean paused,
        Spec spec,
        Optional<String> fingerprint,
        Optional<List<String>> last,
        long rows,
        long total,
        Optional<String> written) {

    /** How far it is. */
    public enum Phase {
        /** The new table is there, and empty. */
        CREATED,
        /** What clients write is written to the new table, too. */
        ATTACHED,
        /** Every row was copied. */
        COPIED,
        /** Both tables were found equal. */
        VERIFIED,
        /** Clients use the new table; the old one gets what they write. */
        SWAPPED,
        /** It was maintained once, too: it can be finished or reverted. */
        CONVERTED,
        /** The old table is being compared, to be taken back. */
        REVERTING,
        /** Clients use the old table again; the new one is still to be dropped. */
        REVERTED,
        /** Somebody has cancelled it; all of it is to be dropped. */
        CANCELLING;

        /** The name as users see it. */
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }

        static Phase of(String id) {
            return valueOf(id.toUpperCase(Locale.ROOT));
        }

        /** Whether clients use the new table. */
        public boolean swapped() {
            return this == SWAPPED || this == CONVERTED || this == REVERTING;
        }
    }

    /** Where the new table is until clients use it. */
    public static final String NEW = "pgsidecar_conversion";

    /** Where the old one is after that. */
    public static final String OLD = "pgsidecar_converted";

    /** Where all of this is kept. */
    static final String TABLE = NEW + ".pgsidecar_conversion";

    /** A column by which rows are found. */
    public record Ident(String name, String type) {
        JsonObject json() {
            return new JsonObject().put("name", name).put("type", type);
        }
    }

    /**
     * What was planned. It is kept as JSON; names are SQL, but for {@code schema} and {@code name}.
     *
     * @param columns those that a row is written with
     * @param key finds a row of the old table
     * @param control the column that rows are parted by
     * @param overwritable whether a row of the new table can be overwritten, or has to be deleted first
     * @param interval of a partition, as pg_partman takes it
     * @param triggers the user's, with their states, to be switched on by the swap
     * @param statistics extended statistics objects, by name
     * @param options storage parameters
     */
    public record Spec(
            String schema,
            String name,
            long oldOid,
            String owner,
            List<String> columns,
            List<Ident> key,
            Ident control,
            boolean overwritable,
            String interval,
            int premake,
            Optional<String> retention,
            List<PlainTable.Sequence> sequences,
            List<PlainTable.Trigger> triggers,
            List<String> options) {

        /** The table that clients use, as SQL: its name needs no quotes. */
        public String table() {
            return schema + "." + name;
        }

        public String template() {
            return schema + "." + name + "_template";
        }

        public String incoming() {
            return NEW + "." + name;
        }

        public String outgoing() {
            return OLD + "." + name;
        }

        /** Finds a row in both tables: the key and the control column. */
        public List<Ident> ident() {
            return key.contains(control)
                    ? key
                    : Stream.concat(key.stream(), Stream.of(control)).toList();
        }

        public JsonObject json() {
            return new JsonObject()
                    .put("table", table())
                    .put("schema", schema)
                    .put("name", name)
                    .put("oldOid", oldOid)
                    .put("owner", owner)
                    .put("columns", new JsonArray(columns))
                    .put("key", new JsonArray(key.stream().map(Ident::json).toList()))
                    .put("control", control.json())
                    .put("overwritable", overwritable)
                    .put("interval", interval)
                    .put("premake", premake)
                    .put("retention", retention.orElse(null))
                    .put(
                            "sequences",
                            new JsonArray(sequences.stream()
                                    .map(each -> new JsonObject()
                                            .put("name", each.name())
                                            .put("column", each.column())
                                            .put("identity", each.identity()))
                                    .toList()))
                    .put(
                            "triggers",
                            new JsonArray(triggers.stream()
                                    .map(each -> new JsonObject()
                                            .put("name", each.name())
                                            .put("state", each.state()))
                                    .toList()))
                    .put("options", new JsonArray(options));
        }

        static Spec of(Fields fields) {
            return new Spec(
                    fields.text("schema").orElseThrow(),
                    fields.text("name").orElseThrow(),
                    fields.number("oldOid").orElseThrow(),
                    fields.text("owner").orElseThrow(),
                    fields.texts("columns"),
                    fields.list("key", Spec::ident),
                    ident(fields.object("control").orElseThrow()),
                    fields.flag("overwritable").orElse(false),
                    fields.text("interval").orElseThrow(),
                    (int) fields.number("premake").orElseThrow(),
                    fields.text("retention"),
                    fields.list(
                            "sequences",
                            each -> new PlainTable.Sequence(
                                    each.text("name").orElseThrow(),
                                    each.text("column").orElseThrow(),
                                    each.flag("identity").orElse(false))),
                    fields.list(
                            "triggers",
                            each -> new PlainTable.Trigger(
                                    each.text("name").orElseThrow(),
                                    each.text("state").orElseThrow(),
                                    true)),
                    fields.texts("options"));
        }

        private static Ident ident(Fields fields) {
            return new Ident(
                    fields.text("name").orElseThrow(), fields.text("type").orElseThrow());
        }
    }

    /** Whether caretaker.sql has made what a conversion needs, and this role may use it. */
    public static final String INSTALLED = "SELECT json_build_object('installed',"
            + " coalesce(has_table_privilege(to_regclass('%s'), 'SELECT'), false))".formatted(TABLE);

    /** All that are not over. */
    public static final String ALL =
            "SELECT json_build_object('conversions', %s)".formatted(rows("")); // SQL, by their age

    /** The one of id $1. */
    public static final String ONE =
            "SELECT json_build_object('conversions', %s)".formatted(rows("WHERE id = $1::bigint"));

    /** The one that operation $1 began. */
    public static final String BEGUN =
            "SELECT json_build_object('conversions', %s)".formatted(rows("WHERE operation = $1::text"));

    private static String rows(String condition) {
        return Fields.rows("""
                SELECT id, operation, ordered_by, %s AS began, phase, paused, spec, fingerprint, last, rows, total, written
                FROM %s %s ORDER BY id""".formatted(Fields.micros("began"), TABLE, condition));
    }

    /** Begins one; $1 is the operation, $2 who ordered it, $3 the spec, $4 about how many rows there are. */
    public static final String INSERT = """
            WITH fresh AS (INSERT INTO %s (operation, ordered_by, phase, spec, total)
              VALUES ($1::text, $2::text, 'created', $3::text::jsonb, $4::bigint) RETURNING id)
            SELECT json_build_object('id', id) FROM fresh""".formatted(TABLE);

    /**
     * Whose turn it is, and how things stand; $1 is the conversion. The lock that {@link Turn#take} took is this transaction's: two
     * agents never work on one conversion.
     *
     * @param mine whether nobody else works on it
     */
    public record Turn(
            boolean mine, boolean inRecovery, Optional<Conversion> conversion, Optional<String> fingerprint) {

        public static final String SQL =
                """
                SELECT json_build_object(
                  'mine', current_setting('pgsidecar.turn', true) = 'true',
                  'in_recovery', pg_is_in_recovery(),
                  'conversions', %s,
                  'fingerprint', (SELECT %s FROM (SELECT to_regclass(spec ->> 'table')::oid AS oid) AS r))
                FROM (SELECT 1) AS one LEFT JOIN %s ON id = $1::bigint""".formatted(Conversion.rows("WHERE id = $1::bigint"), PlainTableSql.FINGERPRINT, TABLE);

        /** Takes the turn, if nobody has it. */
        public static String take(long id) {
            return "SELECT set_config('pgsidecar.turn', pg_try_advisory_xact_lock(hashtext('pgsidecar conversion'), %d)::text, true)"
                    .formatted(id);
        }

        public static Turn of(JsonObject row) {
            Fields fields = new Fields(row);
            return new Turn(
                    fields.flag("mine").orElse(false),
                    fields.flag("in_recovery").orElse(true),
                    Conversion.of(row).stream().findFirst(),
                    fields.text("fingerprint"));
        }

        /** Whether the clients' table was altered since; a table that is not there any more was. */
        public boolean altered() {
            return conversion.isPresent()
                    && conversion.get().fingerprint().isPresent()
                    && !conversion.get().fingerprint().equals(fingerprint);
        }
    }

    /** Changes one, $1; null leaves a field as it is. $2 phase, $3 rows more, $4 last key, $5 whether rows were copied. */
    public static final String UPDATE = """
            WITH changed AS (UPDATE %s SET phase = coalesce($2::text, phase), rows = rows + $3::bigint,
              last = coalesce($4::text::jsonb, last), changed = clock_timestamp(),
              written = CASE WHEN $5::boolean THEN pg_current_xact_id()::text ELSE written END,
              written_at = CASE WHEN $5::boolean THEN clock_timestamp() ELSE written_at END
              WHERE id = $1::bigint RETURNING 1)
            SELECT json_build_object('rows', count(*), 'transaction', pg_current_xact_id()::text::bigint) FROM changed""".formatted(TABLE);

    /** Begins another way through the keys, of which there are as many as the last one found; $1 the conversion, $2 its phase. */
    public static final String REWIND = """
            UPDATE %s SET phase = $2::text, last = NULL, rows = 0, total = CASE WHEN rows > 0 THEN rows ELSE total END,
              changed = clock_timestamp() WHERE id = $1::bigint""".formatted(TABLE);

    /** Keeps the fingerprint of the clients' table as it is now; $1 is the conversion. */
    public static final String MARK = """
            UPDATE %s SET fingerprint = (SELECT %s FROM (SELECT to_regclass(spec ->> 'table')::oid AS oid) AS r)
            WHERE id = $1::bigint""".formatted(TABLE, PlainTableSql.FINGERPRINT);

    /** Keeps $2 as the fingerprint of the clients' table; $1 is the conversion. */
    public static final String MARK_AS = "UPDATE %s SET fingerprint = $2::text WHERE id = $1::bigint".formatted(TABLE);

    /**
     * Who may still see neither all rows of the new table nor of the old one: a snapshot from before the last rows were copied,
     * as a transaction of a stricter isolation level keeps it; $1 is the conversion.
     */
    public static final String OLD_SNAPSHOTS = """
            SELECT json_build_object('holders', (SELECT coalesce(json_agg(format('pid %%s, %%s, in a transaction since %%s',
                a.pid, coalesce(nullif(a.application_name, ''), a.usename), a.xact_start)), '[]')
              FROM pg_stat_activity AS a, %s AS c
              WHERE c.id = $1::bigint AND c.written IS NOT NULL AND a.datname = current_database()
                AND a.pid <> pg_backend_pid() AND a.backend_type IN ('client backend', 'parallel worker')
                AND a.xact_start <= c.written_at + interval '1 s'
                AND age(a.backend_xmin) >= age(c.written::xid8::xid)))""".formatted(TABLE);

    /** Holds one back, or lets it go on; $1 the conversion, $2 which. */
    public static final String PAUSE = "UPDATE %s SET paused = $2::boolean WHERE id = $1::bigint".formatted(TABLE);

    /** Forgets one, $1. */
    public static final String DELETE = "DELETE FROM %s WHERE id = $1::bigint".formatted(TABLE);

    /** Reads what {@link #ALL}, {@link #ONE} or {@link #BEGUN} answered. */
    public static List<Conversion> of(JsonObject row) {
        return new Fields(row).list("conversions", Conversion::of);
    }

    private static Conversion of(Fields fields) {
        return new Conversion(
                fields.number("id").orElseThrow(),
                fields.text("operation").orElseThrow(),
                fields.text("ordered_by").orElse(""),
                fields.instant("began").orElseThrow(),
                Phase.of(fields.text("phase").orElseThrow()),
                fields.flag("paused").orElse(false),
                Spec.of(fields.object("spec").orElseThrow()),
                fields.text("fingerprint"),
                Optional.of(fields.texts("last")).filter(key -> !key.isEmpty()),
                fields.number("rows").orElse(0),
                fields.number("total").orElse(0),
                fields.text("written"));
    }

    /** How people call it, with the database that it is in. */
    public String name(String database) {
        return database + "-" + id;
    }

    /** How much of the way through the keys is done, between 0 and 1. */
    public double share() {
        return total == 0 ? 1 : Math.min(1.0, (double) rows / total);
    }
}
