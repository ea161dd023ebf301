package dev.pgsidecar.metrics;

import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.postgres.catalog.Activity;
import dev.pgsidecar.postgres.catalog.PreparedTransaction;
import dev.pgsidecar.postgres.catalog.Server;
import dev.pgsidecar.postgres.catalog.Setting;
import dev.pgsidecar.postgres.catalog.SlowFacts;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.Optional;

/** The server as a whole: its start, sessions and vacuum's brakes; and, as of the slow tick, sizes and the archiver. */
final class ServerMetrics {

    private ServerMetrics() {}

    static void add(Page page, Instance instance) {
        Server server = instance.facts().server();
        page.add("pg_postmaster_start_time_seconds", "Time at which postmaster started", Page.seconds(server.started()))
                .add(
                        "pg_static",
                        "Version string as reported by postgres",
                        true,
                        "short_version",
                        server.version().toString(),
                        "version",
                        "PostgreSQL " + server.version());
        Activity activity = instance.facts().activity();
        page.add("pgsidecar_connections", "Client sessions, the agent's own among them", activity.connections())
                .add("pgsidecar_max_connections", "max_connections", activity.maxConnections())
                .add(
                        "pgsidecar_reserved_connections",
                        "Connections kept for the privileged",
                        activity.reservedConnections())
                .add(
                        "pgsidecar_oldest_transaction_seconds",
                        "The age of the oldest open transaction of a client",
                        activity.oldestTransaction())
                .add(
                        "pgsidecar_oldest_xmin_transactions",
                        "How many transactions vacuum is held back",
                        activity.xminHolders().stream()
                                .map(Activity.XminHolder::age)
                                .max(Comparator.naturalOrder()))
                .add(
                        "pgsidecar_prepared_transactions",
                        "Transactions that wait for COMMIT PREPARED",
                        instance.facts().preparedTransactions().size())
                .add(
                        "pgsidecar_oldest_prepared_transaction_seconds",
                        "How long the oldest of them has waited",
                        instance.facts().preparedTransactions().stream()
                                .map(PreparedTransaction::prepared)
                                .min(Comparator.naturalOrder())
                                .map(since -> Duration.between(since, server.now())));
    }

    /** What the slow tick saw; the archiver's ages are by the agent's clock. */
    static void add(Page page, SlowFacts facts, Role role, Instant now) {
        facts.databases().forEach(database -> page.add(
                        "pg_database_size_bytes",
                        "Disk space used by the database",
                        database.bytes(),
                        "datname",
                        database.name())
                .add(
                        "pg_database_connection_limit",
                        "Connection limit set for the database",
                        database.connectionLimit(),
                        "datname",
                        database.name()));
        facts.settings()
                .values()
                .forEach(setting -> page.add(
                        "pg_settings_" + setting.name() + (setting.measure().isEmpty() ? "" : "_" + setting.measure()),
                        "Server Parameter: " + setting.name(),
                        setting.value()));
        facts.walFolder().ifPresent(folder -> page.add("pg_wal_segments", "Number of WAL segments", folder.segments())
                .add("pg_wal_size_bytes", "Total size of WAL segments", folder.bytes()));
        SlowFacts.Archiver archiver = facts.archiver();
        page.add(
                        "pg_stat_archiver_archived_count",
                        "Number of WAL files that have been successfully archived",
                        archiver.archived())
                .add(
                        "pg_stat_archiver_failed_count",
                        "Number of failed attempts for archiving WAL files",
                        archiver.failed())
                .add(
                        "pg_stat_archiver_last_archive_age",
                        "Time in seconds since last WAL segment was successfully archived",
                        archiver.lastArchivedAt().map(last -> Duration.between(last, now)));
        if (archives(facts, role)) {
            page.add(
                    "pgsidecar_archiver_failing",
                    "Whether archive_command failed when it was last tried",
                    archiver.failing());
        }
    }

    /** A standby archives only where archive_mode is always; what it counted as a primary is no news. */
    private static boolean archives(SlowFacts facts, Role role) {
        String mode = Optional.ofNullable(facts.settings().get("archive_mode"))
                .map(Setting::shown)
                .orElse("off");
        return mode.equals("always") || mode.equals("on") && role == Role.PRIMARY;
    }
}
