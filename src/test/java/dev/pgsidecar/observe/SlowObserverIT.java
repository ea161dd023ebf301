package dev.pgsidecar.observe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.config.Settings;
import dev.pgsidecar.postgres.Failure;
import dev.pgsidecar.postgres.Identity;
import dev.pgsidecar.postgres.Target;
import dev.pgsidecar.postgres.catalog.Setting;
import dev.pgsidecar.postgres.catalog.SlowFacts;
import dev.pgsidecar.postgres.catalog.SlowFacts.Database;
import dev.pgsidecar.suite.EachVersion;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Sizes, settings, the archiver and the WAL folder. */
class SlowObserverIT {

    @TempDir
    Path state;

    @Test
    void seesTheSlowFactsAndKeepsThemThroughFailures() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0", cluster.archiveSettings());
            server.sql("CREATE DATABASE app CONNECTION LIMIT 5", "SELECT pg_switch_wal()");
            try (Slowly slowly = new Slowly(Watch.settings(server.port(), state))) {
                SlowFacts facts = slowly.awaitFacts(seen -> seen.archiver().archived() > 0);
                assertThat(facts.databases())
                        .extracting(Database::name)
                        .containsExactly("app", "postgres", "template0", "template1");
                assertThat(facts.databases())
                        .allMatch(database -> database.bytes().orElse(0) > 1_000_000);
                assertThat(facts.databases().getFirst().connectionLimit()).isEqualTo(5);
                assertThat(facts.settings())
                        .containsEntry("wal_level", new Setting("wal_level", "replica", Optional.empty(), ""))
                        .containsEntry("cluster_name", new Setting("cluster_name", "pg-0", Optional.empty(), ""))
                        .containsEntry(
                                "wal_receiver_timeout",
                                new Setting("wal_receiver_timeout", "1min", Optional.of(60.0), "seconds"))
                        .containsEntry(
                                "wal_segment_size",
                                new Setting("wal_segment_size", "16MB", Optional.of(16777216.0), "bytes"))
                        .containsEntry(
                                "shared_buffers",
                                new Setting("shared_buffers", "16MB", Optional.of(16777216.0), "bytes"))
                        .containsEntry(
                                "max_slot_wal_keep_size",
                                new Setting("max_slot_wal_keep_size", "-1", Optional.of(-1.0), "bytes"))
                        .containsEntry("hot_standby", new Setting("hot_standby", "on", Optional.of(1.0), ""))
                        .containsKeys("archive_mode", "max_connections", "synchronous_standby_names");
                assertThat(facts.archiver().lastArchived()).isPresent();
                assertThat(facts.archiver().failed()).isZero();
                assertThat(facts.walFolder().orElseThrow().segments()).isPositive();
                assertThat(facts.walFolder().orElseThrow().bytes()).isPositive();
                assertThat(
                                server.query(
                                        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgsidecar/observe-slowly'"))
                        .as("at rest there is no connection")
                        .isIn("0", "1");

                server.stop();
                SlowObservation failed =
                        slowly.await(seen -> seen.connectFailure().isPresent());
                assertThat(failed.connectFailure().orElseThrow().kind()).isEqualTo(Failure.Kind.DOWN);
                assertThat(failed.facts()).as("the last there were").isPresent();
                server.start();
                slowly.await(seen -> seen.connectFailure().isEmpty());
            }
        }
    }

    @EachVersion({15, 16, 18})
    void seesThemOnEveryVersionAndOnStandbys(int major) throws Exception {
        try (Cluster cluster = Cluster.on(major)) {
            Postgres server = cluster.primary("pg-0");
            assertSeen(server);
            if (cluster.binaries().has("pg_basebackup")) {
                assertSeen(cluster.standby("pg-1", server));
            }
        }
    }

    private void assertSeen(Postgres server) throws Exception {
        try (Slowly slowly = new Slowly(Watch.settings(server.port(), state))) {
            SlowFacts facts = slowly.awaitFacts(seen -> true);
            assertThat(facts.walFolder()).isPresent();
            assertThat(facts.settings()).containsKey("data_checksums");
        }
    }

    @Test
    void leavesOutWhatTheRoleMayNotSee() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            server.sql(
                    "CREATE ROLE watcher LOGIN",
                    "CREATE DATABASE closed",
                    "REVOKE CONNECT ON DATABASE closed FROM PUBLIC");
            server.hba("host all watcher 127.0.0.1/32 trust");
            try (Slowly slowly = new Slowly(Watch.settings(server.port(), state, "postgres.user", "watcher"))) {
                SlowFacts facts = slowly.awaitFacts(seen -> true);
                assertThat(facts.walFolder()).isEmpty();
                assertThat(facts.databases())
                        .allSatisfy(database -> assertThat(database.bytes().isPresent())
                                .isEqualTo(!database.name().equals("closed")));
            }
        }
    }

    /** A slow observer, ten times as fast as usual. */
    private static final class Slowly implements AutoCloseable {
        private final Observations observations = new Observations();
        private final Thread thread;

        Slowly(Settings settings) {
            thread = Thread.ofVirtual()
                    .start(new SlowObserver(
                            new Target(Watch.vertx(), settings),
                            new Identity(settings),
                            settings.observe(),
                            observations));
        }

        SlowFacts awaitFacts(Predicate<SlowFacts> fits) {
            return await(seen -> seen.facts().filter(fits).isPresent()).facts().orElseThrow();
        }

        SlowObservation await(Predicate<SlowObservation> fits) {
            return org.awaitility.Awaitility.await()
                    .atMost(Duration.ofSeconds(20))
                    .until(() -> observations.history().slow().filter(fits), Optional::isPresent)
                    .orElseThrow();
        }

        @Override
        public void close() {
            Watch.end(thread);
        }
    }
}
