package dev.pgsidecar.postgres.catalog;

import static dev.pgsidecar.postgres.catalog.Fields.micros;

import io.vertx.core.json.JsonObject;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;

/**
 * What costs the server milliseconds or more, asked seldom and on a connection of its own.
 *
 * @param settings those that matter, by name
 * @param walFolder absent for a role that may not list pg_wal
 */
public record SlowFacts(
        List<Database> databases, Map<String, Setting> settings, Archiver archiver, Optional<WalFolder> walFolder) {

    /** A database; its size in bytes is absent where the role may not ask for it. */
    public record Database(String name, OptionalLong bytes, long connectionLimit) {}

    /** From pg_stat_archiver. */
    public record Archiver(
            long archived,
            long failed,
            Optional<String> lastArchived,
            Optional<Instant> lastArchivedAt,
            Optional<String> lastFailed,
            Optional<Instant> lastFailedAt) {

        /** Whether it has failed since it last succeeded. */
        public boolean failing() {
            return lastFailedAt
                    .filter(failed -> lastArchivedAt.filter(failed::isBefore).isEmpty())
                    .isPresent();
        }
    }

    /** The segments in pg_wal and their size in bytes. */
    public record WalFolder(long segments, long bytes) {}

    /** Asks what the role may see; without the right to call it, the mere mention of a function is an error. */
    public static final String RIGHTS = "SELECT json_build_object('lists_wal',"
            + " has_function_privilege('pg_ls_waldir()', 'EXECUTE'),"
            + " 'reads_sizes', pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'))";

    /** What replication, archiving and probes depend on, and what dashboards show. */
    private static final String SETTINGS = """
            archive_mode, archive_timeout, autovacuum, autovacuum_freeze_max_age, autovacuum_max_workers,
            checkpoint_completion_target, checkpoint_timeout, cluster_name, data_checksums,
            default_transaction_read_only, effective_cache_size, fsync, full_page_writes, hot_standby,
            hot_standby_feedback, idle_in_transaction_session_timeout, lock_timeout, log_min_duration_statement,
            maintenance_work_mem, max_connections, max_locks_per_transaction, max_parallel_workers,
            max_prepared_transactions, max_replication_slots, max_slot_wal_keep_size, max_standby_streaming_delay,
            max_wal_senders, max_wal_size, max_worker_processes, min_wal_size, random_page_cost, reserved_connections,
            seq_page_cost, shared_buffers, statement_timeout, superuser_reserved_connections, synchronous_commit,
            synchronous_standby_names, temp_buffers, track_io_timing, wal_buffers, wal_keep_size, wal_level,
            wal_log_hints, wal_receiver_timeout, wal_segment_size, wal_sender_timeout, work_mem""";

    /** The statement for what {@link #RIGHTS} answered. */
    public static String sql(JsonObject rights) {
        String sizes = rights.getBoolean("reads_sizes")
                ? "pg_database_size(oid)"
                : "CASE WHEN has_database_privilege(oid, 'CONNECT') THEN pg_database_size(oid) END";
        String walFolder = rights.getBoolean("lists_wal")
                ? "(SELECT json_build_object('segments', count(*), 'bytes', coalesce(sum(size), 0)) FROM pg_ls_waldir()"
                        + " WHERE name ~ '^[0-9A-F]{24}$')"
                : "NULL::json";
        return """
                SELECT json_build_object(
                  'databases', %s,
                  'settings', (SELECT json_agg(json_build_object('name', name, 'shown', current_setting(name),
                                 'setting', setting, 'unit', unit, 'type', vartype)) FROM pg_settings
                               WHERE name = ANY (string_to_array('%s', ', '))),
                  'archiver', (SELECT json_build_object('archived', archived_count, 'failed', failed_count,
                      'last_archived', last_archived_wal, 'last_archived_at', %s,
                      'last_failed', last_failed_wal, 'last_failed_at', %s) FROM pg_stat_archiver),
                  'wal_folder', %s)""".formatted(
                        Fields.rows("SELECT datname, %s AS bytes, datconnlimit FROM pg_database ORDER BY datname"
                                .formatted(sizes)),
                        SETTINGS.replaceAll("\\s+", " "),
                        micros("last_archived_time"),
                        micros("last_failed_time"),
                        walFolder);
    }

    /** Reads what {@link #sql} answered. */
    public static SlowFacts of(JsonObject row) {
        Fields fields = new Fields(row);
        Map<String, Setting> settings = new TreeMap<>();
        fields.list("settings", Setting::of).forEach(setting -> settings.put(setting.name(), setting));
        return new SlowFacts(
                fields.list("databases", SlowFacts::database),
                Collections.unmodifiableMap(settings),
                archiver(fields.object("archiver").orElseThrow()),
                fields.object("wal_folder")
                        .map(folder -> new WalFolder(
                                folder.number("segments").orElseThrow(),
                                folder.number("bytes").orElseThrow())));
    }

    private static Database database(Fields fields) {
        return new Database(
                fields.text("datname").orElseThrow(),
                fields.number("bytes"),
                fields.number("datconnlimit").orElseThrow());
    }

    private static Archiver archiver(Fields fields) {
        return new Archiver(
                fields.number("archived").orElseThrow(),
                fields.number("failed").orElseThrow(),
                fields.text("last_archived"),
                fields.instant("last_archived_at"),
                fields.text("last_failed"),
                fields.instant("last_failed_at"));
    }
}
