package dev.pgsidecar.metrics;

import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.observe.RecoveryState;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.postgres.catalog.Replay;
import dev.pgsidecar.postgres.catalog.Server;
import dev.pgsidecar.postgres.catalog.WalPositions;

/** The part of Patroni's own metrics that needs no cluster manager; the scope is always {@code pgsidecar}. */
final class PatroniMetrics {

    private PatroniMetrics() {}

    static void add(Page page, Instance instance, String name) {
        String[] labels = {"scope", "pgsidecar", "name", name};
        Server server = instance.facts().server();
        WalPositions wal = instance.facts().wal();
        page.add("patroni_postgres_running", "Whether PostgreSQL runs", true, labels)
                .add(
                        "patroni_postmaster_start_time",
                        "When the postmaster started, in seconds since 1970",
                        Page.seconds(server.started()),
                        labels)
                .add("patroni_primary", "Whether it is a primary", instance.role() == Role.PRIMARY, labels)
                .add("patroni_replica", "Whether it is a replica", instance.role() == Role.REPLICA, labels)
                .add("patroni_xlog_location", "A primary's WAL position in bytes", wal.write(), labels)
                .add("patroni_xlog_received_location", "The end of received WAL in bytes", wal.receive(), labels)
                .add("patroni_xlog_replayed_location", "The end of replayed WAL in bytes", wal.replay(), labels)
                .add(
                        "patroni_xlog_replayed_timestamp",
                        "When the last replayed transaction was committed, in seconds since 1970",
                        instance.facts().replay().flatMap(Replay::lastTransaction),
                        labels)
                .add(
                        "patroni_xlog_paused",
                        "Whether replay stands still on request",
                        instance.facts().replay().map(Replay::paused),
                        labels)
                .add("patroni_postgres_streaming", "Whether it streams", instance.streaming(), labels)
                .add(
                        "patroni_postgres_in_archive_recovery",
                        "Whether it restores from the archive",
                        instance.recoveryState()
                                .filter(RecoveryState.ARCHIVE_RECOVERY::equals)
                                .isPresent(),
                        labels)
                .add(
                        "patroni_postgres_server_version",
                        "server_version_num",
                        server.version().number(),
                        labels)
                .add("patroni_postgres_timeline", "The timeline", instance.timeline(), labels);
    }
}
