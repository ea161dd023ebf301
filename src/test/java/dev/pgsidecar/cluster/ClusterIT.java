package dev.pgsidecar.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The roles that servers of the bench can have, and the states it can bring them into. */
class ClusterIT {

    @Test
    void streamsToStandbysOfEveryKind() {
        try (Cluster cluster = Cluster.on(17)) {
            Map<String, String> settings = new TreeMap<>(cluster.archiveSettings());
            settings.put("max_connections", "70");
            Postgres primary = cluster.primary("pg-0", settings);
            Postgres sync = cluster.standby("pg-1", primary, Standby.WITH_SLOT, Map.of("work_mem", "5MB"));
            Postgres async = cluster.standby("pg-2", primary);
            Postgres cascading = cluster.standby("pg-3", sync);
            Postgres archive = cluster.archiveStandby("pg-4", primary);
            primary.setting("synchronous_standby_names", "'\"pg-1\"'");
            await().until(() -> primary.query("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")
                    .equals("1"));

            primary.sql("CREATE TABLE t (v int)", "INSERT INTO t VALUES (7)", "SELECT pg_switch_wal()");

            for (Postgres standby : new Postgres[] {sync, async, cascading, archive}) {
                cluster.awaitReplay(primary, standby);
                assertThat(standby.query("SELECT v FROM t")).isEqualTo("7");
                assertThat(standby.query("SELECT pg_is_in_recovery()")).isEqualTo("t");
                assertThat(standby.query("SHOW cluster_name")).isEqualTo(standby.name());
                assertThat(standby.query("SHOW max_connections")).isEqualTo("70");
            }
            assertThat(primary.queryColumn("SELECT application_name FROM pg_stat_replication ORDER BY 1"))
                    .containsExactly("pg-1", "pg-2");
            assertThat(primary.queryColumn("SELECT slot_name FROM pg_replication_slots WHERE active"))
                    .containsExactly(sync.slotName());
            assertThat(sync.queryColumn("SELECT application_name FROM pg_stat_replication"))
                    .containsExactly("pg-3");
            assertThat(sync.query("SHOW work_mem")).isEqualTo("5MB");
            assertThat(archive.query("SELECT count(*) FROM pg_stat_wal_receiver"))
                    .isEqualTo("0");
            assertThat(archive.query("SHOW primary_conninfo")).isEmpty();

            Postgres ofStandby = cluster.archiveStandby("pg-5", sync);
            assertThat(ofStandby.query("SHOW primary_conninfo")).isEmpty();
            assertThat(ofStandby.query("SHOW primary_slot_name")).isEmpty();
        }
    }

    @Test
    void saysHowFarAStandbyIsWhenItDoesNotFollow() {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            Postgres standby = cluster.standby("pg-1", primary);
            cluster.awaitReplay(primary, standby);
            String before = standby.query("SELECT pg_last_wal_replay_lsn()");
            standby.sql("SELECT pg_wal_replay_pause()");
            primary.sql("CREATE TABLE t (v int)");

            assertThatThrownBy(() -> Replay.await(primary, standby, Postgres.DATABASE, Duration.ofMillis(500)))
                    .isInstanceOf(BenchException.class)
                    .hasMessageContaining("pg-1")
                    .hasMessageContaining("replayed up to " + before)
                    .hasMessageContaining("has written 0/");

            standby.sql("SELECT pg_wal_replay_resume()");
            cluster.awaitReplay(primary, standby);
        }
    }

    @Test
    void waitsForReplayUpToTheEndOfASegment() {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            Postgres standby = cluster.standby("pg-1", primary);
            primary.sql("CREATE TABLE t (v int)", "SELECT pg_switch_wal()");
            cluster.awaitReplay(primary, standby);
            assertThat(standby.query("SELECT count(*) FROM t")).isEqualTo("0");
        }
    }

    @Test
    void stopsKillsAndStartsServers() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            server.sql("CREATE TABLE t (v int)");

            server.stop();
            assertThat(server.isRunning()).isFalse();
            assertThat(server.log()).contains("received fast shutdown request");
            assertThatThrownBy(() -> server.query("SELECT 1"))
                    .isInstanceOfSatisfying(SqlFailure.class, failure -> assertThat(failure.sqlState())
                            .isEqualTo("08001"));
            assertThatThrownBy(server::pid).isInstanceOf(IllegalStateException.class);
            server.stop();

            server.startWithoutWaiting();
            await().ignoreExceptionsInstanceOf(SqlFailure.class)
                    .untilAsserted(() ->
                            assertThat(server.query("SELECT count(*) FROM t")).isEqualTo("0"));
            assertThatThrownBy(server::start).isInstanceOf(IllegalStateException.class);

            server.stop(StopMode.SMART);
            assertThat(server.log()).contains("received smart shutdown request");
            server.start();
            server.stop(StopMode.IMMEDIATE);
            server.start();
            assertThat(server.log()).contains("received immediate shutdown request");

            long postmaster = server.pid();
            try (Connection open = server.connect()) {
                var processes = Processes.tree(postmaster);
                assertThat(processes).hasSizeGreaterThan(5);
                server.kill();
                assertThat(server.isRunning()).isFalse();
                assertThat(processes).noneMatch(Processes::alive);
                assertThat(open.isValid(1)).isFalse();
            }
            server.restart();
            assertThat(server.pid()).isNotEqualTo(postmaster);
            assertThat(server.query("SELECT count(*) FROM t")).isEqualTo("0");
        }
    }

    @Test
    void hangsAndResumesAServer() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            try (Connection open = server.connect()) {
                server.hang();
                assertThat(server.isRunning()).isTrue();
                assertThat(answers(open)).isFalse();
                server.resume();
                assertThat(server.query("SELECT 1")).isEqualTo("1");
            }
            try (Connection open = server.connect()) {
                server.hangPostmaster();
                assertThat(answers(open)).isTrue();
                server.resume();
                assertThat(server.query("SELECT 1")).isEqualTo("1");
            }
            server.hang();
        }
    }

    /** Whether a session answers within a second. */
    private static boolean answers(Connection session) throws SQLException {
        session.setNetworkTimeout(Runnable::run, 1_000);
        try (Statement statement = session.createStatement()) {
            return statement.execute("SELECT 1");
        } catch (SQLException e) {
            assertThat((Throwable) e)
                    .hasMessageContaining("I/O error")
                    .rootCause()
                    .hasMessageContaining("timed out");
            return false;
        }
    }

    @Test
    void promotesAStandby() {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            Postgres standby = cluster.standby("pg-1", primary, Standby.WITH_SLOT);
            assertThatThrownBy(() -> standby.sql("CREATE TABLE t (v int)"))
                    .isInstanceOfSatisfying(SqlFailure.class, failure -> assertThat(failure.sqlState())
                            .isEqualTo("25006"));
            primary.kill();
            standby.promote();
            standby.sql("CREATE TABLE t (v int)");
            Postgres next = cluster.standby("pg-2", standby);
            standby.sql("CREATE TABLE later (v int)");
            cluster.awaitReplay(standby, next);
            assertThat(next.query("SELECT timeline_id FROM pg_control_checkpoint()"))
                    .isEqualTo("2");
        }
    }

    @Test
    void changesSettingsAndAccess() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0", Map.of("work_mem", "'3MB'"));
            assertThat(server.query("SHOW work_mem")).isEqualTo("3MB");
            server.setting("work_mem", "6MB");
            assertThat(server.query("SHOW work_mem")).isEqualTo("6MB");

            server.setting("max_connections", "61");
            server.restart();
            assertThat(server.query("SHOW max_connections")).isEqualTo("61");
            assertThatThrownBy(() -> server.setting("synchronous_standby_names", "'pg-1'"))
                    .isInstanceOf(BenchException.class)
                    .hasMessageContaining("invalid value for parameter \"synchronous_standby_names\"");
            server.setting("synchronous_standby_names", "''");

            server.sql("CREATE ROLE app LOGIN PASSWORD 'right'", "CREATE DATABASE other");
            server.sqlIn("other", "CREATE TABLE t (v int)");
            assertThat(server.queryIn("other", "SELECT count(*) FROM t")).isEqualTo("0");
            try (Connection session = server.connect("other", "app", "right")) {
                assertThat(session.isValid(1)).isTrue();
            }
            assertThat(sqlStateOfLogin(server, "wrong")).isEqualTo("28P01");
            server.hba("host all app 127.0.0.1/32 reject");
            assertThat(sqlStateOfLogin(server, "right")).isEqualTo("28000");

            server.hba("host all postgres 127.0.0.1/32 reject");
            assertThatThrownBy(server::connect).isInstanceOf(SQLException.class).hasMessageContaining("rejects");
            server.hba("host all postgres 127.0.0.1/32 trust");
            assertThat(server.query("SELECT 1")).isEqualTo("1");
            assertThatThrownBy(() -> server.hba("nonsense"))
                    .isInstanceOf(BenchException.class)
                    .hasMessageContaining("pg_hba.conf was not reloaded");
        }
    }

    private static String sqlStateOfLogin(Postgres server, String password) {
        try (Connection session = server.connect("other", "app", password)) {
            return "connected to " + session.getCatalog();
        } catch (SQLException e) {
            return e.getSQLState();
        }
    }

    @Test
    void givesIdentifiersAndPortsOfItsOwn() {
        String identifier = "SELECT system_identifier FROM pg_control_system()";
        try (Cluster one = Cluster.withOwnSystemIdentifier(17);
                Cluster two = Cluster.on(17)) {
            Postgres primary = one.primary("pg-0");
            assertThat(primary.query(identifier))
                    .isNotEqualTo(two.primary("pg-0").query(identifier));
            assertThat(one.freePort()).isNotEqualTo(one.freePort()).isLessThan(32_768);
            assertThatThrownBy(() -> one.primary("pg-0")).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> one.primary("../pg")).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void saysWhyAServerDoesNotStart() {
        try (Cluster cluster = Cluster.on(17)) {
            assertThatThrownBy(() -> cluster.primary("pg-0", Map.of("work_mem", "'much'")))
                    .isInstanceOf(BenchException.class)
                    .hasMessageContaining("invalid value for parameter \"work_mem\"");
        }
    }

    @Test
    void noticesThatAPortIsTaken() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            server.stop();
            try (ServerSocket other = new ServerSocket()) {
                other.bind(new InetSocketAddress(server.host(), server.port()));
                assertThat(server.tryStart()).isFalse();
                assertThat(server.isRunning()).isFalse();
            }
            server.start();
            assertThat(server.query("SELECT inet_server_port()")).isEqualTo(Integer.toString(server.port()));
        }
    }

    @Test
    void loadsPartmanAndCron() {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0", Map.of("shared_preload_libraries", "'pg_cron,pg_partman_bgw'"));
            server.sql("CREATE EXTENSION pg_cron", "CREATE SCHEMA partman");
            server.sql("CREATE EXTENSION pg_partman SCHEMA partman");
            assertThat(server.queryColumn("SELECT extname FROM pg_extension")).contains("pg_cron", "pg_partman");
        }
    }

    @Test
    void removesTheFolderWhenClosed() {
        Cluster cluster = Cluster.on(17);
        Path folder = cluster.folder();
        Postgres server = cluster.primary("pg-0");
        var processes = Processes.tree(server.pid());
        cluster.close();
        cluster.close();
        assertThat(processes).hasSizeGreaterThan(4).noneMatch(Processes::alive);
        assertThat(Files.exists(folder)).isFalse();
    }

    @Test
    @Tag("full")
    void runs15() {
        runsWithStandby(15);
    }

    @Test
    @Tag("full")
    void runs16() {
        try (Cluster cluster = Cluster.on(16)) {
            Postgres server = cluster.primary("pg-0");
            assertThat(server.query("SHOW server_version")).startsWith("16.");
            if (!cluster.binaries().has("pg_basebackup")) {
                assertThatThrownBy(() -> cluster.standby("pg-1", server))
                        .isInstanceOf(UnsupportedOperationException.class)
                        .hasMessageContaining("pg_basebackup");
            }
        }
    }

    @Test
    @Tag("full")
    void runs18() {
        runsWithStandby(18);
    }

    private static void runsWithStandby(int major) {
        try (Cluster cluster = Cluster.on(major)) {
            Postgres primary = cluster.primary("pg-0");
            Postgres standby = cluster.standby("pg-1", primary, Standby.WITH_SLOT);
            assertThat(primary.query("SHOW server_version")).startsWith(major + ".");
            primary.sql("CREATE TABLE t (v int)");
            cluster.awaitReplay(primary, standby);
            standby.promote();
            standby.sql("INSERT INTO t VALUES (1)");
            standby.reload();
        }
    }
}
