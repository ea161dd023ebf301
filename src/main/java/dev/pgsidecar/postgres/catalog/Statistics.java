package dev.pgsidecar.postgres.catalog;

import static dev.pgsidecar.postgres.catalog.Fields.micros;

import dev.pgsidecar.postgres.ServerVersion;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the server counts, and what its sessions do; cheap, but of no use to any decision, so it is asked on the fresh
 * connection and not in the tick.
 *
 * @param databases PostgreSQL's counters by database
 * @param sessions how many sessions are in which state
 * @param locks how many locks are held or waited for, by database and mode
 * @param bgwriter PostgreSQL's counters of the background writer; before 17 the checkpointer's are among them
 * @param checkpointer the checkpointer's own (17 and later; else empty)
 */
public record Statistics(
        List<Counters> databases,
        List<Sessions> sessions,
        List<Locks> locks,
        Map<String, Double> bgwriter,
        Map<String, Double> checkpointer) {

    /** The most groups of sessions and of locks that are looked at, the largest first: labels must not grow without end. */
    static final int MOST = 200;

    /** PostgreSQL's counters of one database, by column of pg_stat_database. */
    public record Counters(String oid, String database, Map<String, Double> values) {}

    /**
     * Sessions that agree in all of these; what does not apply is empty.
     *
     * @param longestTransaction of any of them
     */
    public record Sessions(
            String database,
            String state,
            String user,
            String application,
            String backendType,
            String waitEventType,
            String waitEvent,
            long count,
            Optional<Duration> longestTransaction) {}

    /** Locks of one mode in one database. */
    public record Locks(String database, String mode, long count) {}

    /** The statement for a server of this version. */
    public static String sql(ServerVersion version) {
        String checkpointer =
                version.atLeast(17) ? "(SELECT row_to_json(c) FROM pg_stat_checkpointer AS c)" : "NULL::json";
        return """
                SELECT json_build_object(
                  'databases', %s,
                  'sessions', %s,
                  'locks', %s,
                  'bgwriter', (SELECT row_to_json(b) FROM pg_stat_bgwriter AS b),
                  'checkpointer', %s)""".formatted(
                        Fields.rows("SELECT * FROM pg_stat_database WHERE datname IS NOT NULL ORDER BY datname"),
                        Fields.rows(groupedSessions()),
                        Fields.rows("""
                                SELECT d.datname, l.mode, count(*) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
                                GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT %d""".formatted(MOST)),
                        checkpointer);
    }

    private static String groupedSessions() {
        return """
                SELECT datname, state, usename, application_name, backend_type, wait_event_type, wait_event, count(*),
                       %s AS longest
                FROM pg_stat_activity WHERE pid <> pg_backend_pid()
                GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 8 DESC, 1, 2, 3, 4, 5, 6, 7 LIMIT %d""".formatted(micros("clock_timestamp() - min(xact_start)"), MOST);
    }

    /** Reads what {@link #sql} answered. */
    public static Statistics of(JsonObject row) {
        Fields fields = new Fields(row);
        return new Statistics(
                fields.list(
                        "databases",
                        database -> new Counters(
                                database.text("datid").orElse(""),
                                database.text("datname").orElse(""),
                                numbers(database.json()))),
                fields.list("sessions", Statistics::sessionsOf),
                fields.list(
                        "locks",
                        locks -> new Locks(
                                locks.text("datname").orElseThrow(),
                                locks.text("mode").orElseThrow(),
                                locks.number("count").orElseThrow())),
                numbers(row.getJsonObject("bgwriter")),
                numbers(row.getJsonObject("checkpointer", new JsonObject())));
    }

    private static Sessions sessionsOf(Fields fields) {
        return new Sessions(
                fields.text("datname").orElse(""),
                fields.text("state").orElse(""),
                fields.text("usename").orElse(""),
                fields.text("application_name").orElse(""),
                fields.text("backend_type").orElse(""),
                fields.text("wait_event_type").orElse(""),
                fields.text("wait_event").orElse(""),
                fields.number("count").orElseThrow(),
                fields.duration("longest"));
    }

    /** The columns that are numbers, by name. */
    private static Map<String, Double> numbers(JsonObject row) {
        Map<String, Double> numbers = new LinkedHashMap<>();
        if (row != null) {
            row.forEach(column -> {
                if (column.getValue() instanceof Number number
                        && !column.getKey().equals("datid")) {
                    numbers.put(column.getKey(), number.doubleValue());
                }
            });
        }
        return Collections.unmodifiableMap(numbers);
    }
}
