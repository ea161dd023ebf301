package dev.pgsidecar.observe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Proxy;
import dev.pgsidecar.cluster.Standby;
import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.catalog.Activity;
import dev.pgsidecar.postgres.catalog.PreparedTransaction;
import dev.pgsidecar.postgres.catalog.Receiver;
import dev.pgsidecar.postgres.catalog.Slot;
import dev.pgsidecar.postgres.catalog.WalSender;
import dev.pgsidecar.suite.EachVersion;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a healthy server's observation says, on real servers. */
class ObserverIT {

    @TempDir
    Path state;

    @Test
    void seesAPrimaryAndAllAroundIt() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary(
                    "pg-0",
                    Map.of(
                            "max_prepared_transactions",
                            "5",
                            "wal_level",
                            "logical",
                            "max_slot_wal_keep_size",
                            "1GB",
                            "max_connections",
                            "77"));
            cluster.standby("pg-1", primary, Standby.WITH_SLOT);
            cluster.standby("pg-2", primary);
            primary.setting("synchronous_standby_names", "'FIRST 1 (\"pg-1\")'");
            primary.sql(
                    "SELECT pg_create_logical_replication_slot('changes', 'pgoutput')",
                    "SELECT pg_create_physical_replication_slot('orphan', true)",
                    "CREATE TABLE t (v int)",
                    "BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'two-phase'");
            try (Connection old = primary.connect();
                    Statement statement = old.createStatement();
                    Watch watch = Watch.on(primary, state)) {
                old.setAutoCommit(false);
                statement.execute("INSERT INTO t VALUES (2)");
                Instance seen = watch.awaitInstance(instance -> instance.facts().senders().stream()
                        .anyMatch(sender -> sender.syncState().equals(Optional.of("sync"))
                                && sender.replay().isPresent()));

                assertThat(seen.role()).isEqualTo(Role.PRIMARY);
                assertThat(seen.timeline()).isEqualTo(1);
                assertThat(seen.recoveryState()).isEmpty();
                assertThat(seen.unseen()).isEmpty();
                assertThat(seen.facts().server().systemIdentifier())
                        .isEqualTo(primary.query("SELECT system_identifier FROM pg_control_system()"));
                assertThat(seen.facts().server().version().major()).isEqualTo(17);
                assertThat(seen.facts().server().started().toString().substring(0, 19))
                        .isEqualTo(primary.query(
                                "SELECT to_char(pg_postmaster_start_time(), 'YYYY-MM-DD\"T\"HH24:MI:SS')"));
                assertThat(seen.facts().wal().insert().orElseThrow())
                        .isGreaterThanOrEqualTo(seen.facts().wal().flush().orElseThrow())
                        .isGreaterThan(Lsn.parse("0/1000000"));
                assertThat(seen.facts().wal().replay()).isEmpty();
                assertSenders(seen.facts().senders());
                assertSlots(seen.facts().slots());
                assertActivity(seen.facts().activity());
                assertThat(seen.facts().preparedTransactions())
                        .singleElement()
                        .returns("two-phase", PreparedTransaction::name)
                        .returns("postgres", PreparedTransaction::database);
            }
        }
    }

    private static void assertSenders(List<WalSender> senders) {
        assertThat(senders).extracting(WalSender::application).containsExactly("pg-1", "pg-2");
        WalSender sync = senders.getFirst();
        assertThat(sync.state()).contains("streaming");
        assertThat(sync.syncPriority()).hasValue(1);
        assertThat(sync.slot()).contains("pg_1");
        assertThat(sync.clientAddress()).contains("127.0.0.1");
        assertThat(sync.sent()).isPresent();
        assertThat(senders.getLast().syncState()).contains("async");
        assertThat(senders.getLast().slot()).isEmpty();
    }

    private static void assertSlots(List<Slot> slots) {
        assertThat(slots).extracting(Slot::name).containsExactly("changes", "orphan", "pg_1");
        Slot logical = slots.getFirst();
        assertThat(logical.type()).isEqualTo("logical");
        assertThat(logical.plugin()).contains("pgoutput");
        assertThat(logical.database()).contains("postgres");
        assertThat(logical.confirmedFlush()).isPresent();
        assertThat(logical.failover()).contains(false);
        assertThat(logical.conflicting()).contains(false);
        Slot orphan = slots.get(1);
        assertThat(orphan.active()).isFalse();
        assertThat(orphan.walStatus()).contains("reserved");
        assertThat(orphan.retainedBytes().orElseThrow()).isPositive();
        assertThat(orphan.safeWalSize().orElseThrow()).isGreaterThan(900_000_000L);
        assertThat(orphan.inactiveSince()).isPresent();
        assertThat(orphan.invalidationReason()).isEmpty();
        assertThat(slots.getLast().active()).isTrue();
        assertThat(slots.getLast().activePid()).isPresent();
    }

    private static void assertActivity(Activity activity) {
        assertThat(activity.connections().orElseThrow()).isBetween(2L, 10L);
        assertThat(activity.maxConnections()).isEqualTo(77);
        assertThat(activity.reservedConnections()).isEqualTo(3);
        assertThat(activity.oldestTransaction().orElseThrow()).isLessThan(Duration.ofMinutes(1));
        assertThat(activity.xminHolders())
                .anyMatch(holder -> holder.kind().equals("prepared transaction")
                        && holder.name().equals("two-phase"))
                .anyMatch(
                        holder -> holder.kind().equals("slot") && holder.name().equals("changes"));
    }

    @Test
    void seesAStreamingReplica() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            Postgres standby =
                    cluster.standby("pg-1", primary, Standby.WITH_SLOT, Map.of("recovery_min_apply_delay", "0"));
            primary.sql("CREATE TABLE t (v int)");
            cluster.awaitReplay(primary, standby);
            try (Watch watch = Watch.on(standby, state)) {
                Instance seen = watch.awaitInstance(Instance::streaming);
                assertThat(seen.role()).isEqualTo(Role.REPLICA);
                assertThat(seen.recoveryState()).contains(RecoveryState.STREAMING);
                assertThat(seen.timeline()).isEqualTo(1);
                assertThat(seen.facts().wal().insert()).isEmpty();
                assertThat(seen.facts().replay().orElseThrow().lastTransaction())
                        .isPresent();
                Receiver receiver = seen.facts().receiver().orElseThrow();
                assertThat(receiver.slot()).contains("pg_1");
                assertThat(receiver.upstreamHost()).contains("127.0.0.1");
                assertThat(receiver.upstreamPort()).hasValue(primary.port());
                assertThat(receiver.receivedTimeline()).hasValue(1);
                watch.awaitInstance(instance -> lag(instance).replayBytes().equals(OptionalLong.of(0))
                        && lag(instance).time().equals(Optional.of(Duration.ZERO)));

                standby.sql("SELECT pg_wal_replay_pause()");
                primary.sql("INSERT INTO t SELECT generate_series(1, 10000)");
                Instance paused = watch.awaitInstance(
                        instance -> lag(instance).replayBytes().orElse(0) > 500_000);
                assertThat(paused.recoveryState()).contains(RecoveryState.PAUSED);
                assertThat(lag(paused).receiveBytes().orElseThrow()).isLessThan(500_000);
                watch.awaitInstance(instance -> lag(instance)
                        .time()
                        .filter(time -> time.toMillis() > 700)
                        .isPresent());

                standby.setting("recovery_min_apply_delay", "5min");
                watch.awaitInstance(instance ->
                        instance.facts().replay().orElseThrow().applyDelay().equals(Duration.ofMinutes(5)));
            }
        }
    }

    @Test
    void measuresACascadingReplicaAgainstItsOwnUpstream() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            Postgres middle = cluster.standby("pg-1", primary);
            Postgres end = cluster.standby("pg-2", middle);
            try (Watch watch = Watch.on(end, state);
                    Watch watchMiddle = Watch.on(middle, state)) {
                primary.sql("CREATE TABLE t (v int)");
                cluster.awaitReplay(primary, end);
                Instance seen = watch.awaitInstance(instance ->
                        instance.streaming() && lag(instance).replayBytes().equals(OptionalLong.of(0)));
                assertThat(seen.facts().receiver().orElseThrow().upstreamPort()).hasValue(middle.port());
                Instance seenMiddle = watchMiddle.awaitInstance();
                assertThat(seenMiddle.role()).isEqualTo(Role.REPLICA);
                assertThat(seenMiddle.facts().senders())
                        .singleElement()
                        .returns("pg-2", WalSender::application)
                        .returns(Optional.of("async"), WalSender::syncState);
            }
        }
    }

    @Test
    void seesAReplicaThatRestoresFromTheArchive() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0", cluster.archiveSettings());
            Postgres standby = cluster.archiveStandby("pg-1", primary);
            try (Watch watch = Watch.on(standby, state)) {
                Instance seen = watch.awaitInstance();
                assertThat(seen.recoveryState()).contains(RecoveryState.ARCHIVE_RECOVERY);
                assertThat(seen.facts().receiver()).isEmpty();
                assertThat(lag(seen).replayBytes()).isEmpty();
                assertThat(lag(seen).unknown()).isPresent();
            }
        }
    }

    @Test
    void doesNotTakeACutLinkForNoLag() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            Postgres standby = cluster.standby("pg-1", primary);
            try (Proxy link = Proxy.to(primary.port());
                    Watch watch = Watch.on(standby, state)) {
                standby.sql("ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=" + link.port()
                        + " user=postgres application_name=pg-1'");
                standby.reload();
                watch.awaitInstance(instance -> instance.facts()
                        .receiver()
                        .filter(receiver -> receiver.upstreamPort().equals(OptionalLong.of(link.port())))
                        .isPresent());
                primary.sql("CREATE TABLE t (v int)");
                cluster.awaitReplay(primary, standby);

                watch.awaitInstance(instance -> lag(instance).replayBytes().isPresent());

                link.cut();
                primary.sql("INSERT INTO t SELECT generate_series(1, 1000)");
                Instance silent = watch.awaitInstance(instance -> Lag.silence(instance)
                        .filter(silence -> silence.toMillis() > 1500)
                        .isPresent());
                assertThat(silent.streaming())
                        .as("PostgreSQL still believes in the link")
                        .isTrue();
                assertThat(Lag.of(silent, Duration.ofSeconds(1)).unknown().orElseThrow())
                        .contains("is silent for 1s");
                assertThat(Lag.of(silent, Duration.ofSeconds(1)).replayBytes()).isEmpty();

                link.mend();
                link.breakConnections();
                primary.stop();
                Instance gone = watch.awaitInstance(
                        instance -> instance.facts().receiver().isEmpty()
                                && lag(instance)
                                        .time()
                                        .filter(time -> time.toMillis() > 500)
                                        .isPresent());
                assertThat(gone.recoveryState()).contains(RecoveryState.WAITING);
                assertThat(lag(gone).replayBytes()).hasValue(0);
                assertThat(Lag.of(gone, Duration.ofMillis(100)).replayBytes()).isEmpty();

                primary.start();
                watch.awaitInstance(
                        instance -> instance.streaming() && lag(instance).time().equals(Optional.of(Duration.ZERO)));
            }
        }
    }

    @Test
    void followsAPromoteWithoutAGap() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            Postgres standby = cluster.standby("pg-1", primary);
            try (Watch watch = Watch.on(standby, state)) {
                watch.awaitInstance(Instance::streaming);
                primary.kill();
                standby.promote();
                Instance seen = watch.awaitInstance(instance -> instance.role() == Role.PRIMARY);
                assertThat(seen.timeline()).isEqualTo(2);
                assertThat(seen.upstream()).isEqualTo(Upstream.NONE);
                assertThat(watch.all()).allMatch(Observation.Answered.class::isInstance);
            }
        }
    }

    @Test
    void tellsWhatItsRoleMayNotSee() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            Postgres standby = cluster.standby("pg-1", primary);
            primary.sql("CREATE ROLE watcher LOGIN");
            primary.hba("host all watcher 127.0.0.1/32 trust");
            standby.hba("host all watcher 127.0.0.1/32 trust");
            cluster.awaitReplay(primary, standby);
            try (Watch watch = Watch.on(primary, state, "postgres.user", "watcher");
                    Watch watchStandby = Watch.on(standby, state, "postgres.user", "watcher")) {
                Instance seen = watch.awaitInstance();
                assertThat(seen.unseen()).singleElement().asString().contains("GRANT pg_monitor");
                assertThat(seen.facts().activity().connections()).isEmpty();
                assertThat(seen.facts().senders()).singleElement().satisfies(sender -> {
                    assertThat(sender.application()).isEqualTo("pg-1");
                    assertThat(sender.state()).isEmpty();
                    assertThat(sender.sent()).isEmpty();
                });
                Instance seenStandby = watchStandby.awaitInstance();
                assertThat(seenStandby.recoveryState()).contains(RecoveryState.UNKNOWN);
                assertThat(lag(seenStandby).unknown().orElseThrow()).contains("GRANT pg_monitor");
            }
        }
    }

    @EachVersion({15, 16, 18})
    void seesEveryVersion(int major) throws Exception {
        try (Cluster cluster = Cluster.on(major)) {
            Postgres primary = cluster.primary("pg-0", Map.of("wal_level", "logical"));
            primary.sql(
                    "SELECT pg_create_logical_replication_slot('changes', 'pgoutput')",
                    "SELECT pg_create_physical_replication_slot('orphan', true)");
            try (Watch watch = Watch.on(primary, state)) {
                Instance seen = watch.awaitInstance();
                assertThat(seen.role()).isEqualTo(Role.PRIMARY);
                assertThat(seen.timeline()).isEqualTo(1);
                assertThat(seen.facts().server().version().major()).isEqualTo(major);
                Slot logical = seen.facts().slots().getFirst();
                assertThat(logical.conflicting().isPresent()).isEqualTo(major >= 16);
                assertThat(logical.failover().isPresent()).isEqualTo(major >= 17);
                assertThat(logical.inactiveSince().isPresent()).isEqualTo(major >= 17);
            }
            if (cluster.binaries().has("pg_basebackup")) {
                Postgres standby = cluster.standby("pg-1", primary, Standby.WITH_SLOT);
                try (Watch watch = Watch.on(standby, state)) {
                    primary.sql("CREATE TABLE t (v int)"); // an idle primary would say nothing for a while
                    watch.awaitInstance(instance ->
                            instance.streaming() && lag(instance).replayBytes().equals(OptionalLong.of(0)));
                    standby.promote();
                    watch.awaitInstance(instance -> instance.role() == Role.PRIMARY && instance.timeline() == 2);
                }
            }
        }
    }

    @Test
    void keepsOneConnection() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            String sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgsidecar/observe'";
            try (Watch watch = Watch.on(primary, state)) {
                watch.awaitInstance();
                for (int round = 0; round < 20; round++) {
                    await().pollInterval(Duration.ofMillis(50)).untilAsserted(() -> assertThat(primary.query(sessions))
                            .isEqualTo("1"));
                    primary.query("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                            + " WHERE application_name = 'pgsidecar/observe'");
                    int seen = watch.all().size();
                    await().pollInterval(Duration.ofMillis(20))
                            .until(() -> watch.all().size() > seen + 1);
                }
                await().untilAsserted(() -> assertThat(primary.query(sessions)).isEqualTo("1"));
                assertThat(watch.all())
                        .as("a terminated session is replaced within the tick")
                        .allMatch(Observation.Answered.class::isInstance);
            }
            await().untilAsserted(() -> assertThat(primary.query(sessions)).isEqualTo("0"));
        }
    }

    private static Lag lag(Instance instance) {
        return Lag.of(instance, Duration.ofSeconds(60));
    }
}
