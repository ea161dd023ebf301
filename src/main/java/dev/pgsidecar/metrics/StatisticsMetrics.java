package dev.pgsidecar.metrics;

import dev.pgsidecar.postgres.catalog.Statistics;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** PostgreSQL's own counters and its sessions, in postgres_exporter's names. */
final class StatisticsMetrics {

    /** Where pg_stat_bgwriter's columns went in PostgreSQL 17; dashboards read the names before it. */
    private static final Map<String, String> BEFORE_17 = Map.of(
            "num_timed", "checkpoints_timed",
            "num_requested", "checkpoints_req",
            "write_time", "checkpoint_write_time",
            "sync_time", "checkpoint_sync_time",
            "buffers_written", "buffers_checkpoint");

    private StatisticsMetrics() {}

    /** @param seesAll whether other users' sessions show what they do; without that, sessions would be mere zeros */
    static void add(Page page, Statistics statistics, boolean seesAll) {
        statistics.databases().forEach(database -> database.values()
                .forEach((column, value) -> page.add(
                        "pg_stat_database_" + column,
                        "The column of pg_stat_database",
                        value,
                        "datid",
                        database.oid(),
                        "datname",
                        database.database())));
        statistics.bgwriter().forEach((column, value) -> bgwriter(page, column, value));
        statistics.checkpointer().forEach((column, value) -> {
            page.add("pg_stat_checkpointer_" + column + "_total", "The column of pg_stat_checkpointer", value);
            Optional.ofNullable(BEFORE_17.get(column)).ifPresent(older -> bgwriter(page, older, value));
        });
        if (seesAll) {
            statistics.sessions().forEach(sessions -> sessions(page, sessions));
        }
        statistics
                .locks()
                .forEach(locks -> page.add(
                        "pg_locks_count",
                        "Number of locks",
                        locks.count(),
                        "datname",
                        locks.database(),
                        "mode",
                        locks.mode().toLowerCase(Locale.ROOT)));
    }

    private static void bgwriter(Page page, String column, double value) {
        page.add("pg_stat_bgwriter_" + column + "_total", "The column of pg_stat_bgwriter", value);
    }

    private static void sessions(Page page, Statistics.Sessions sessions) {
        String[] labels = {
            "datname", sessions.database(),
            "state", sessions.state(),
            "usename", sessions.user(),
            "application_name", sessions.application(),
            "backend_type", sessions.backendType(),
            "wait_event_type", sessions.waitEventType(),
            "wait_event", sessions.waitEvent()
        };
        page.add("pg_stat_activity_count", "Number of connections in this state", sessions.count(), labels)
                .add(
                        "pg_stat_activity_max_tx_duration",
                        "Max duration in seconds any active transaction has been running",
                        sessions.longestTransaction().or(() -> Optional.of(Duration.ZERO)),
                        labels);
    }
}
