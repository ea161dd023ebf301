package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.SqlFailure;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.postgresql.ds.PGSimpleDataSource;
import org.postgresql.jdbc.PreferQueryMode;

/** Everybody writes as hard as they can while writes are paused, again and again: nothing appears that must not. */
@Tag("agent")
@Tag("long")
class FleetIT {

    /** Processes on their way into the database app: in no view yet, but with a lock on it. */
    private static final String STARTING = """
            SELECT FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.objid
            WHERE l.locktype = 'object' AND l.classid = 'pg_database'::regclass AND d.datname = 'app'
              AND NOT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.pid = l.pid AND a.datid IS NOT NULL)""";

    @TempDir
    Path folder;

    @Test
    void nothingIsCommittedInAPause() throws Exception {
        pauses(20);
    }

    @Test
    @Tag("soak")
    void nothingIsCommittedInManyPauses() throws Exception {
        pauses(200);
    }

    private void pauses(int rounds) throws Exception {
        // Its ANALYZE takes transaction ids, and would hide those of others.
        try (Paused paused = new Paused(17, folder, Map.of("autovacuum", "off"))) {
            Postgres primary = paused.primary();
            Postgres standby = paused.trio().server("pg-1");
            Fleet.prepare(primary);
            paused.startAgents();
            String before = Paused.settings(primary);
            try (Fleet limited = new Fleet(primary, false)) {
                for (int round = 0; round < rounds; round++) {
                    pause(paused, standby, limited, round % 2 == 0 ? "limit" : "close");
                }
            }
            try (Fleet withSuperuser = new Fleet(primary, true)) {
                pause(paused, standby, withSuperuser, "close");
                JsonObject refused = paused.order("/v1/writes/pause", Paused.ALL);
                assertThat(refused.getString("state"))
                        .as("a superuser that comes back all the time: no proof")
                        .isEqualTo("failed");
                assertThat(refused.getString("failure")).contains("could not be proved");
                assertThat(refused.getString("hint")).contains("close");
            }
            assertThat(Paused.settings(primary)).isEqualTo(before);
        }
    }

    private static void pause(Paused paused, Postgres standby, Fleet fleet, String method) throws Exception {
        Map<String, Long> begun = fleet.acknowledged();
        await("all of them write").atMost(Duration.ofSeconds(20)).untilAsserted(() -> assertThat(fleet.acknowledged())
                .allSatisfy((kind, count) -> assertThat(count).as(kind).isGreaterThan(begun.get(kind))));

        paused.pause(Paused.ALL
                .copy()
                .put("method", method)
                .put("waitForStandbys", new JsonArray().add("pg-1").add("pg-2")));
        // Closed databases are closed on standbys too: there the transaction ids tell.
        String then = method.equals("limit") ? Fleet.traces(standby) : "";
        Map<String, Long> acknowledged = fleet.acknowledged();
        String nextXid = paused.primary().queryIn("pgsidecar", "SELECT pg_snapshot_xmax(pg_current_snapshot())");
        Thread.sleep(300);
        assertThat(paused.primary().queryIn("pgsidecar", "SELECT pg_snapshot_xmax(pg_current_snapshot())"))
                .as("no transaction id is taken")
                .isEqualTo(nextXid);
        assertThat(fleet.acknowledged()).as("nobody is told of a commit").isEqualTo(acknowledged);
        if (method.equals("limit")) {
            assertThat(Fleet.traces(standby)).as("no trace of one").isEqualTo(then);
        }
        assertThat(paused.agent().look("/v1/writes").getString("guarantee")).isNotEqualTo("broken");

        paused.resume();
    }

    /** It has passed the limit, and is in no view yet: the pause waits for it, and what it writes lies before the end. */
    @Test
    void waitsForASessionThatIsJustStarting() throws Exception {
        try (Paused paused = new Paused(17, folder).startAgents()) {
            Future<Boolean> wrote = Executors.newVirtualThreadPerTaskExecutor().submit(() -> {
                PGSimpleDataSource source = new PGSimpleDataSource();
                source.setPortNumbers(new int[] {paused.primary().port()});
                source.setDatabaseName("app");
                source.setUser("app");
                source.setOptions("-c post_auth_delay=3");
                try (var session = source.getConnection();
                        var statement = session.createStatement()) {
                    return statement.execute("INSERT INTO t DEFAULT VALUES") || true;
                } catch (SQLException e) {
                    return false;
                }
            });
            await("it is starting").until(() -> paused.primary()
                    .queryIn("pgsidecar", "SELECT count(*) FROM (%s) AS starting".formatted(STARTING))
                    .equals("1"));
            paused.pause(Paused.ALL.copy().put("waitForStandbys", new JsonArray().add("pg-1")));
            String then = paused.trio().server("pg-1").queryIn("app", "SELECT count(*) FROM t");
            if (wrote.get()) {
                assertThat(then).as("it wrote before the proof").isEqualTo("1");
            }
            paused.resume();
            assertThat(paused.primary().queryIn("app", "SELECT count(*) FROM t"))
                    .as("nothing comes after the proof")
                    .isEqualTo(then);
        }
    }

    /** A walsender takes SQL as well, and no connection limit counts it. */
    @Test
    void endsAReplicationSessionThatRunsSql() throws Exception {
        try (Paused paused = new Paused(17, folder)) {
            paused.primary().sql("ALTER ROLE app REPLICATION");
            paused.startAgents();
            PGSimpleDataSource source = new PGSimpleDataSource();
            source.setPortNumbers(new int[] {paused.primary().port()});
            source.setDatabaseName("app");
            source.setUser("app");
            source.setReplication("database");
            source.setPreferQueryMode(PreferQueryMode.SIMPLE);
            source.setAssumeMinServerVersion("15");
            try (var session = source.getConnection();
                    var statement = session.createStatement()) {
                statement.execute("INSERT INTO t DEFAULT VALUES");
                JsonObject answer = paused.pauseAll("60s");
                assertThatThrownBy(() -> statement.execute("INSERT INTO t DEFAULT VALUES"))
                        .isInstanceOf(SQLException.class);
                assertThat(answer.getJsonArray("couldStillWrite").encode()).contains("role app, by SQL on a logical");
            }
            paused.resume();
        }
    }

    @Test
    void tellsThatADatabaseWasMade() throws Exception {
        try (Paused paused = new Paused(17, folder).startAgents()) {
            paused.pauseAll("60s");
            paused.primary().sqlIn("pgsidecar", "CREATE DATABASE backdoor");
            await().atMost(Duration.ofSeconds(15)).untilAsserted(() -> assertThat(
                            paused.agent().look("/v1/writes").getString("guarantee"))
                    .isEqualTo("broken"));
            paused.resume();
        }
    }

    @Test
    void keepsApplicationsOutOfTheAgentsDatabase() throws Exception {
        try (Paused paused = new Paused(17, folder)) {
            paused.primary().hba("host pgsidecar app 127.0.0.1/32 trust");
            assertThatThrownBy(() -> paused.primary().connect("pgsidecar", "app", ""))
                    .hasMessageContaining("permission denied for database");
        }
    }

    @Test
    void tellsThatASuperuserMayHaveWritten() throws Exception {
        try (Paused paused = new Paused(17, folder).startAgents()) {
            long generation = paused.pauseAll("60s").getLong("generation");
            assertThat(paused.state()).isEqualTo("paused");
            // The agent ends its sessions all the time, and one may end before it has written: then it comes back.
            await("a superuser writes")
                    .pollInterval(Duration.ofMillis(20))
                    .ignoreExceptionsMatching(e -> e instanceof SqlFailure failure && failure.sessionEnded())
                    .until(() -> {
                        paused.primary()
                                .sqlIn(
                                        "app",
                                        "SET default_transaction_read_only = off",
                                        "INSERT INTO t DEFAULT VALUES");
                        return true;
                    });
            await().atMost(Duration.ofSeconds(15)).untilAsserted(() -> assertThat(
                            paused.agent().look("/v1/writes").getString("guarantee"))
                    .as(paused.agent().log())
                    .isEqualTo("broken"));
            assertThat(paused.agent().log()).contains("BROKEN");
            assertThat(paused.agent().getText("/metrics")).contains("pgsidecar_writes_broken 1");
            JsonObject order = new JsonObject().put("generation", generation).put("target", "pg-1");
            assertThat(paused.refused("/v1/writes/commit", order, 412)).contains("proved");
            paused.resume();
        }
    }

    @Test
    void doesNotHangOnADeadSynchronousStandby() throws Exception {
        try (Paused paused = new Paused(17, folder).startAgents()) {
            paused.primary().setting("synchronous_standby_names", "'FIRST 1 (\"pg-1\")'");
            paused.primary().reload();
            paused.trio().server("pg-1").kill();
            paused.pauseAll("60s");
            assertThat(paused.resume().getBoolean("changed")).isTrue();
        }
    }

    @Test
    void refusesToProveWhatAPreparedTransactionCouldChange() throws Exception {
        try (Paused paused = new Paused(17, folder, Map.of("max_prepared_transactions", "5")).startAgents()) {
            try (var session = paused.primary().connect("app", "app", "");
                    var statement = session.createStatement()) {
                session.setAutoCommit(false);
                statement.execute("INSERT INTO t DEFAULT VALUES");
                Thread prepares = Thread.ofVirtual().start(() -> {
                    try {
                        // in between check and proof, as an application's transaction manager would
                        statement.execute("SELECT pg_sleep(0.02)");
                        statement.execute("PREPARE TRANSACTION 'late'");
                    } catch (SQLException e) {
                        // it was ended before it could
                    }
                });
                var answer = paused.agent().order("/v1/writes/pause", Paused.ALL, "Prefer", "wait=60");
                prepares.join();
                if (paused.primary()
                        .queryIn("pgsidecar", "SELECT count(*) FROM pg_prepared_xacts")
                        .equals("1")) {
                    assertThat(answer.body())
                            .containsAnyOf("prepared transactions could commit", "prepared-transactions");
                    assertThat(paused.state()).isEqualTo("open");
                }
            }
        }
    }

    @Test
    void keepsJobsOfPgCronOut() throws Exception {
        Map<String, String> settings = Map.of(
                "shared_preload_libraries",
                "'pg_cron'",
                "cron.host",
                "'127.0.0.1'",
                "cron.database_name",
                "'postgres'");
        try (Paused paused = new Paused(17, folder, settings)) {
            Postgres primary = paused.primary();
            primary.sql(
                    "CREATE EXTENSION pg_cron",
                    "SELECT cron.schedule_in_database('often', '1 second', 'INSERT INTO t DEFAULT VALUES', 'app')");
            String port = primary.query("SHOW port");
            primary.sql("UPDATE cron.job SET nodename = '127.0.0.1', nodeport = " + port);
            paused.startAgents();
            await("the job runs").atMost(Duration.ofSeconds(20)).until(() -> !primary.queryIn(
                            "app", "SELECT count(*) FROM t")
                    .equals("0"));
            paused.pause(Paused.ALL.copy().put("waitForStandbys", new JsonArray().add("pg-1")));
            Postgres standby = paused.trio().server("pg-1");
            String then = standby.queryIn("app", "SELECT count(*) FROM t");
            Thread.sleep(3000);
            assertThat(standby.queryIn("app", "SELECT count(*) FROM t")).isEqualTo(then);
            paused.resume();
            await("the job runs again").atMost(Duration.ofSeconds(20)).until(() -> !primary.queryIn(
                            "app", "SELECT count(*) FROM t")
                    .equals(then));

            primary.setting("cron.use_background_workers", "on");
            primary.restart();
            paused.agent().await200("/primary");
            assertThat(paused.refused("/v1/writes/pause", Paused.ALL, 412)).containsExactly("background-jobs");
            JsonObject waived = Paused.ALL.copy().put("waive", new JsonArray().add("background-jobs"));
            paused.pause(waived);
            assertThatThrownBy(() -> Paused.write(primary)).hasMessageContaining("too many connections");
            paused.resume();
        }
    }
}
