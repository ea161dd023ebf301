package dev.pgsidecar.postgres.catalog;

import static dev.pgsidecar.postgres.catalog.Fields.micros;

import dev.pgsidecar.postgres.ServerVersion;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What the sessions of the server do. Counts and ages are absent for a role without pg_read_all_stats.
 *
 * @param connections client sessions, the agent's own among them
 * @param maxConnections {@code max_connections}
 * @param reservedConnections how many of them are kept for superusers and for {@code pg_use_reserved_connections}
 * @param oldestTransaction the age of the oldest open transaction of a client
 * @param xminHolders who holds back vacuum, the furthest first, at most {@value #HOLDERS}
 */
public record Activity(
        OptionalLong connections,
        long maxConnections,
        long reservedConnections,
        Optional<Duration> oldestTransaction,
        List<XminHolder> xminHolders) {

    private static final int HOLDERS = 5;

    /**
     * Something that keeps dead rows from being vacuumed.
     *
     * @param kind {@code slot}, {@code prepared transaction}, or a backend_type such as {@code client backend}
     * @param name the slot's or the transaction's name, or the backend's pid
     * @param age how many transactions ago its xmin was assigned
     */
    public record XminHolder(String kind, String name, long age) {}

    static String sql(ServerVersion version) {
        String reserved = version.atLeast(16) ? " + current_setting('reserved_connections')::int" : "";
        return """
                (SELECT json_build_object(
                   'connections', count(*) FILTER (WHERE a.backend_type = 'client backend'),
                   'max', current_setting('max_connections')::int,
                   'reserved', current_setting('superuser_reserved_connections')::int%s,
                   'oldest_transaction', %s,
                   'xmin_holders', %s)
                 FROM pg_stat_activity AS a)""".formatted(
                        reserved,
                        micros("clock_timestamp() - min(a.xact_start) FILTER (WHERE a.backend_type = 'client backend'"
                                + " AND a.pid <> pg_backend_pid())"),
                        holders());
    }

    private static String holders() {
        return Fields.rows("""
                SELECT kind, name, age(xmin) AS age FROM (
                  SELECT backend_type, pid::text, backend_xmin FROM pg_stat_activity WHERE pid <> pg_backend_pid()
                  UNION ALL SELECT 'slot', slot_name, xmin FROM pg_replication_slots
                  UNION ALL SELECT 'slot', slot_name, catalog_xmin FROM pg_replication_slots
                  UNION ALL SELECT 'prepared transaction', gid, transaction FROM pg_prepared_xacts
                ) AS holder(kind, name, xmin)
                WHERE xmin IS NOT NULL ORDER BY age(xmin) DESC, kind, name LIMIT %d""".formatted(HOLDERS));
    }

    static Activity of(Fields fields, boolean seesAll) {
        return new Activity(
                seesAll ? fields.number("connections") : OptionalLong.empty(),
                fields.number("max").orElseThrow(),
                fields.number("reserved").orElseThrow(),
                fields.duration("oldest_transaction"),
                fields.list(
                        "xmin_holders",
                        holder -> new XminHolder(
                                holder.text("kind").orElse("backend"),
                                holder.text("name").orElseThrow(),
                                holder.number("age").orElseThrow())));
    }
}
