package dev.pgsidecar.metrics;

import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.observe.Lag;
import dev.pgsidecar.observe.RecoveryState;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.catalog.Receiver;
import dev.pgsidecar.postgres.catalog.Replay;
import dev.pgsidecar.postgres.catalog.WalSender;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** Role, lag, receiver and senders: postgres_exporter's names where it has one, our own where it has none. */
final class ReplicationMetrics {

    private final Page page;
    private final Instance instance;
    private final boolean addresses;

    private ReplicationMetrics(Page page, Instance instance, boolean addresses) {
        this.page = page;
        this.instance = instance;
        this.addresses = addresses;
    }

    /**
     * Adds them.
     *
     * @param maxSilence how long the upstream's last word counts
     * @param addresses whether addresses are shown; their labels are there in any case
     */
    static void add(Page page, Instance instance, Duration maxSilence, boolean addresses) {
        ReplicationMetrics metrics = new ReplicationMetrics(page, instance, addresses);
        metrics.role();
        metrics.lag(Lag.of(instance, maxSilence));
        instance.facts()
                .receiver()
                .filter(receiver -> receiver.status().isPresent())
                .ifPresent(metrics::receiver);
        instance.facts().senders().forEach(metrics::sender);
    }

    private void role() {
        for (Role role : Role.values()) {
            page.add("pgsidecar_role", "The instance's role", instance.role() == role, "role", role.id());
        }
        page.add("pgsidecar_timeline", "The timeline of the instance", instance.timeline());
        page.add("pg_replication_is_replica", "Indicates if the server is a replica", instance.role() == Role.REPLICA);
    }

    private void lag(Lag lag) {
        page.add("pg_replication_lag_seconds", "Replication lag behind master in seconds", lag.time());
        page.add("pg_replication_lag", "The same; the exporter's own alerts read this name", lag.time());
        if (instance.role() == Role.PRIMARY) {
            return;
        }
        page.add("pgsidecar_replica_lag_bytes", "WAL that the upstream has and is not replayed", lag.replayBytes())
                .add(
                        "pgsidecar_replica_receive_lag_bytes",
                        "WAL that the upstream has and is not here",
                        lag.receiveBytes())
                .add("pgsidecar_replica_lag_seconds", "How old the replayed state is at most", lag.time())
                .add(
                        "pgsidecar_receiver_silence_seconds",
                        "How long ago the upstream's last message arrived",
                        Lag.silence(instance))
                .add(
                        "pg_replication_last_replay_seconds",
                        "Age of last transaction replay in seconds",
                        instance.facts()
                                .replay()
                                .flatMap(Replay::lastTransaction)
                                .map(this::age));
        instance.facts().replay().ifPresent(replay -> page.add(
                        "pgsidecar_replay_paused", "Whether replay stands still on request", replay.paused())
                .add("pgsidecar_apply_delay_seconds", "recovery_min_apply_delay", Page.seconds(replay.applyDelay())));
        if (instance.recoveryState().filter(RecoveryState.UNKNOWN::equals).isEmpty()) {
            page.add("pgsidecar_receiver_streaming", "Whether the WAL receiver streams", instance.streaming());
        }
    }

    private Duration age(Instant then) {
        return Duration.between(then, instance.facts().server().now());
    }

    private void receiver(Receiver receiver) {
        String[] labels = {
            "upstream_host", addresses ? receiver.upstreamHost().orElse("") : "",
            "slot_name", receiver.slot().orElse(""),
            "status", receiver.status().orElse("")
        };
        page.add("pg_stat_wal_receiver_received_tli", "Timeline received last", receiver.receivedTimeline(), labels)
                .add(
                        "pg_stat_wal_receiver_latest_end_lsn",
                        "Last WAL position told by the upstream",
                        receiver.latestEnd(),
                        labels)
                .add(
                        "pg_stat_wal_receiver_latest_end_time",
                        "When the upstream told it, in seconds since 1970",
                        receiver.latestEndTime(),
                        labels)
                .add(
                        "pg_stat_wal_receiver_last_msg_receipt_time",
                        "When its last message arrived, in seconds since 1970",
                        receiver.lastMessage(),
                        labels)
                .add(
                        "pg_stat_wal_receiver_flushed_lsn",
                        "End of the WAL that was received and made durable",
                        instance.facts().wal().receive(),
                        labels);
    }

    private void sender(WalSender sender) {
        if (sender.state().isEmpty()) {
            return; // the agent's role may not see it
        }
        String[] labels = {
            "application_name", sender.application(),
            "client_addr", addresses ? sender.clientAddress().orElse("") : "",
            "state", sender.state().get(),
            "slot_name", sender.slot().orElse("")
        };
        Optional<Lsn> here = instance.facts().wal().here();
        page.add("pg_stat_replication_pg_current_wal_lsn_bytes", "WAL position in bytes", here, labels)
                .add(
                        "pg_stat_replication_pg_wal_lsn_diff",
                        "Lag in bytes between master and slave",
                        here.flatMap(position -> sender.replay().map(position::minus)),
                        labels);
        String[] own = {
            "application_name", sender.application(), "slot_name", sender.slot().orElse("")
        };
        page.add(
                        "pgsidecar_sender_write_lag_seconds",
                        "How long recent WAL took until written there",
                        sender.writeLag(),
                        own)
                .add(
                        "pgsidecar_sender_flush_lag_seconds",
                        "How long recent WAL took until durable there",
                        sender.flushLag(),
                        own)
                .add(
                        "pgsidecar_sender_replay_lag_seconds",
                        "How long recent WAL took until replayed there",
                        sender.replayLag(),
                        own)
                .add(
                        "pgsidecar_sender_sync",
                        "The downstream's sync state",
                        true,
                        "application_name",
                        sender.application(),
                        "slot_name",
                        sender.slot().orElse(""),
                        "sync_state",
                        sender.syncState().orElse(""));
    }
}
