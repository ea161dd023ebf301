package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.SqlFailure;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.postgresql.ds.PGSimpleDataSource;
import org.postgresql.jdbc.PreferQueryMode;

/**
 * Everybody writes as hard as they can while writes are paused, again and again: nothing appears that must not. The tests
 * leave the three servers as they found them, and share them.
 */
@Tag("agent")
class FleetIT {

    /** Processes on their way into the database app: in no view yet, but with a lock on it. */
    private static final String STARTING = """
            SELECT l.pid FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.objid
            WHERE l.locktype = 'object' AND l.classid = 'pg_database'::regclass AND d.datname = 'app'
              AND NOT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.pid = l.pid AND a.datid IS NOT NULL)""";

    /** The statement of a pause that ends sessions, and not the one of the agent's loop that looks after a pause. */
    private static final String ENDS_SESSIONS =
            "query LIKE '%terminate_sessions%' AND application_name <> 'pgsidecar/hold-pause'";

    /** The statement by which the agent looks for a write after the proof. */
    private static final String LOOKS_FOR_A_BREACH =
            "query LIKE '%pause_sample%' AND application_name = 'pgsidecar/hold-pause'";

    @TempDir
    static Path folder;

    private static Paused paused;

    @BeforeAll
    static void start() {
        // The ANALYZE of autovacuum takes transaction ids, and would hide those of others.
        paused = new Paused(17, folder, Map.of("autovacuum", "off", "max_prepared_transactions", "5"));
        Fleet.prepare(paused.primary());
        paused.startAgents();
    }

    @AfterAll
    static void stop() {
        paused.close();
    }

    @AfterEach
    void resume() {
        if (!paused.state().equals("open")) {
            paused.resume();
        }
    }

    @Test
    void nothingIsCommittedInAPause() throws Exception {
        pauses(4);
    }

    @Test
    @Tag("full")
    void nothingIsCommittedInTwentyPauses() throws Exception {
        pauses(20);
    }

    @Test
    @Tag("soak")
    void nothingIsCommittedInManyPauses() throws Exception {
        pauses(200);
    }

    private static void pauses(int rounds) throws Exception {
        String before = Paused.settings(paused.primary());
        try (Fleet limited = new Fleet(paused.primary(), false)) {
            for (int round = 0; round < rounds; round++) {
                pause(limited, round % 2 == 0 ? "limit" : "close");
            }
        }
        try (Fleet withSuperuser = new Fleet(paused.primary(), true)) {
            pause(withSuperuser, "close");
        }
        assertThat(Paused.settings(paused.primary())).isEqualTo(before);
    }

    private static void pause(Fleet fleet, String method) throws Exception {
        Postgres primary = paused.primary();
        Postgres standby = paused.trio().server("pg-1");
        fleet.awaitCommits();

        JsonObject answer = paused.pause(Paused.ALL
                .copy()
                .put("method", method)
                .put("waitForStandbys", new JsonArray().add("pg-1").add("pg-2")));
        JsonArray samples = answer.getJsonObject("proof").getJsonArray("samples");
        long provedXid = samples.getJsonObject(samples.size() - 1).getLong("nextXid");
        // Closed databases are closed on standbys too: there the transaction ids tell.
        String then = method.equals("limit") ? Fleet.traces(standby) : "";
        fleet.awaitRefusals(1);
        Map<String, Long> acknowledged = fleet.acknowledged();
        fleet.awaitRefusals(3);
        awaitStatements(LOOKS_FOR_A_BREACH, 2);
        assertThat(primary.queryIn("pgsidecar", "SELECT pg_snapshot_xmax(pg_current_snapshot())"))
                .as("the record of the proof takes a transaction id, and nothing else does")
                .isEqualTo("" + (provedXid + 1));
        assertThat(fleet.acknowledged()).as("nobody is told of a commit").isEqualTo(acknowledged);
        if (method.equals("limit")) {
            paused.trio().cluster().awaitReplay(primary, standby, "pgsidecar"); // which is in no pause
            assertThat(Fleet.traces(standby)).as("no trace of one").isEqualTo(then);
        }
        assertThat(primary.queryIn("pgsidecar", "SELECT guarantee FROM pgsidecar.write_pause WHERE ended IS NULL"))
                .isNotEqualTo("broken");

        paused.resume();
    }

    /** Its session begins, commits and ends before each sample, within the statement that takes the sample. */
    @Test
    void isNotProvedWhileASuperuserComesBackAndWrites() throws Exception {
        Postgres primary = paused.primary();
        String before = Paused.settings(primary);
        primary.sqlIn(
                "pgsidecar",
                "CREATE EXTENSION dblink",
                "ALTER FUNCTION pgsidecar.pause_sample(pgsidecar.write_pause) RENAME TO pause_sample_alone",
                """
                CREATE FUNCTION pgsidecar.pause_sample(of pgsidecar.write_pause) RETURNS jsonb
                  LANGUAGE plpgsql SECURITY DEFINER AS
                $$
                BEGIN
                  FOR attempt IN 1..100 LOOP
                    BEGIN
                      PERFORM public.dblink_exec('host=127.0.0.1 port=%d dbname=app user=postgres'
                        ' options=''-c default_transaction_read_only=off''', 'INSERT INTO t DEFAULT VALUES');
                      EXIT;
                    EXCEPTION WHEN OTHERS THEN
                      NULL; -- the agent has ended its session
                    END;
                  END LOOP;
                  RETURN pgsidecar.pause_sample_alone(of);
                END
                $$""".formatted(primary.port()));
        try {
            long rows = rows(primary);
            JsonObject refused = paused.order("/v1/writes/pause", Paused.ALL);
            assertThat(refused.getString("state")).isEqualTo("failed");
            assertThat(refused.getString("failure")).contains("could not be proved");
            assertThat(refused.getString("hint")).contains("close");
            assertThat(rows(primary)).as("it did come back").isGreaterThan(rows + 2);
            assertThat(paused.state()).isEqualTo("open");
            assertThat(Paused.settings(primary)).isEqualTo(before);
        } finally {
            primary.sqlIn(
                    "pgsidecar",
                    "DROP FUNCTION pgsidecar.pause_sample(pgsidecar.write_pause)",
                    "ALTER FUNCTION pgsidecar.pause_sample_alone(pgsidecar.write_pause) RENAME TO pause_sample",
                    "DROP EXTENSION dblink");
        }
    }

    /**
     * A superuser's client that connects again as fast as it can. On a busy machine that may take longer than the proof lasts;
     * then its next commit breaks the guarantee.
     */
    @Test
    void seesASuperuserThatComesBackInTheProofOrAfterIt() {
        try (Fleet withSuperuser = new Fleet(paused.primary(), true)) {
            withSuperuser.awaitCommits();
            JsonObject operation = paused.order("/v1/writes/pause", Paused.ALL);
            if (operation.getString("state").equals("failed")) {
                assertThat(operation.getString("failure")).contains("could not be proved");
            } else {
                awaitBroken();
                paused.resume();
            }
        }
        assertThat(paused.state()).isEqualTo("open");
    }

    private static void awaitBroken() {
        await().atMost(Duration.ofSeconds(60)).untilAsserted(() -> assertThat(
                        paused.agent().look("/v1/writes").getString("guarantee"))
                .as(paused.agent().log())
                .isEqualTo("broken"));
    }

    /** It has passed the limit, and is in no view yet: the pause waits for it, and what it writes lies before the end. */
    @Test
    void waitsForASessionThatIsJustStarting() throws Exception {
        Postgres primary = paused.primary();
        long before = rows(primary);
        Future<Boolean> wrote = Executors.newVirtualThreadPerTaskExecutor().submit(() -> {
            PGSimpleDataSource source = new PGSimpleDataSource();
            source.setPortNumbers(new int[] {primary.port()});
            source.setDatabaseName("app");
            source.setUser("app");
            source.setOptions("-c post_auth_delay=60"); // a signal ends it
            try (Connection session = source.getConnection();
                    Statement statement = session.createStatement()) {
                statement.execute("BEGIN READ WRITE");
                statement.execute("INSERT INTO t DEFAULT VALUES");
                statement.execute("COMMIT");
                return true;
            }
        });
        String starting = await("it is starting")
                .atMost(Duration.ofSeconds(30))
                .until(
                        () -> primary.queryIn("pgsidecar", "SELECT max(pid) FROM (%s) AS s".formatted(STARTING)),
                        pid -> pid != null);

        String id = new JsonObject(paused.agent()
                        .order(
                                "/v1/writes/pause",
                                Paused.ALL.copy().put("waitForStandbys", new JsonArray().add("pg-1")))
                        .body())
                .getString("id");
        awaitStatements(ENDS_SESSIONS, 3);
        assertThat(runningStep(id)).isEqualTo("terminate");

        try (Connection session = primary.connect("pgsidecar", Postgres.SUPERUSER, "");
                Statement statement = session.createStatement()) {
            // The functions that end sessions read this table: now they leave it the time to write.
            session.setAutoCommit(false);
            statement.execute("LOCK TABLE pgsidecar.write_pause IN ACCESS EXCLUSIVE MODE");
            assertThat(new ProcessBuilder("kill", "-USR1", starting).start().waitFor())
                    .isZero();
            assertThat(wrote.get()).isTrue();
            session.commit();
        }
        assertThat(paused.agent().awaitEnd(id).getString("state")).isEqualTo("succeeded");
        long then = rows(paused.trio().server("pg-1"));
        assertThat(then).as("it wrote before the proof").isEqualTo(before + 1);
        paused.resume();
        assertThat(rows(primary)).as("nothing comes after the proof").isEqualTo(then);
    }

    private static String runningStep(String operation) {
        List<String> running = paused.agent().look("/v1/operations/" + operation).getJsonArray("steps").stream()
                .map(JsonObject.class::cast)
                .filter(step -> step.getString("state").equals("running"))
                .map(step -> step.getString("name"))
                .toList();
        return running.isEmpty() ? "none" : running.getFirst();
    }

    /** A walsender takes SQL as well, also one that holds a slot, and no connection limit counts it. */
    @ParameterizedTest
    @CsvSource({"limit, false", "limit, true", "close, true"})
    void endsAReplicationSessionThatRunsSql(String method, boolean slot) throws Exception {
        paused.primary().sqlIn("pgsidecar", "ALTER ROLE app REPLICATION");
        PGSimpleDataSource source = new PGSimpleDataSource();
        source.setPortNumbers(new int[] {paused.primary().port()});
        source.setDatabaseName("app");
        source.setUser("app");
        source.setReplication("database");
        source.setPreferQueryMode(PreferQueryMode.SIMPLE);
        source.setAssumeMinServerVersion("15");
        try (Connection session = source.getConnection();
                Statement statement = session.createStatement()) {
            if (slot) {
                statement.execute("CREATE_REPLICATION_SLOT held TEMPORARY PHYSICAL");
            }
            statement.execute("INSERT INTO t DEFAULT VALUES");
            JsonObject answer =
                    paused.pause(Paused.ALL.copy().put("method", method).put("ttl", "60s"));
            assertThatThrownBy(() -> statement.execute("INSERT INTO t DEFAULT VALUES"))
                    .isInstanceOf(SQLException.class);
            assertThat(answer.getJsonArray("couldStillWrite").encode().contains("role app, by SQL on a logical"))
                    .isEqualTo(method.equals("limit"));
            if (method.equals("close")) {
                assertThatThrownBy(source::getConnection).hasMessageContaining("not currently accepting connections");
            }
        } finally {
            paused.primary().sqlIn("pgsidecar", "ALTER ROLE app NOREPLICATION");
        }
    }

    @Test
    void tellsThatADatabaseWasMade() {
        paused.pauseAll("60s");
        paused.primary().sqlIn("pgsidecar", "CREATE DATABASE backdoor");
        try {
            awaitBroken();
            paused.resume();
        } finally {
            paused.primary().sqlIn("pgsidecar", "DROP DATABASE backdoor");
        }
    }

    @Test
    void keepsApplicationsOutOfTheAgentsDatabase() {
        paused.primary().hba("host pgsidecar app 127.0.0.1/32 trust");
        assertThatThrownBy(() -> paused.primary().connect("pgsidecar", "app", ""))
                .hasMessageContaining("permission denied for database");
    }

    @Test
    void tellsThatASuperuserMayHaveWritten() {
        long generation = paused.pauseAll("60s").getLong("generation");
        assertThat(paused.state()).isEqualTo("paused");
        // The agent ends its sessions all the time, and one may end before it has written: then it comes back.
        await("a superuser writes")
                .atMost(Duration.ofSeconds(30))
                .pollInterval(Duration.ofMillis(20))
                .ignoreExceptionsMatching(e -> e instanceof SqlFailure failure && failure.sessionEnded())
                .until(() -> {
                    paused.primary()
                            .sqlIn("app", "SET default_transaction_read_only = off", "INSERT INTO t DEFAULT VALUES");
                    return true;
                });
        awaitBroken();
        assertThat(paused.agent().log()).contains("BROKEN");
        assertThat(paused.agent().getText("/metrics")).contains("pgsidecar_writes_broken 1");
        JsonObject order = new JsonObject().put("generation", generation).put("target", "pg-1");
        assertThat(paused.refused("/v1/writes/commit", order, 412)).contains("proved");
        paused.resume();
    }

    @Test
    void doesNotHangOnADeadSynchronousStandby() {
        Postgres primary = paused.primary();
        Postgres standby = paused.trio().server("pg-1");
        primary.setting("synchronous_standby_names", "'FIRST 1 (\"pg-1\")'");
        standby.kill();
        try {
            paused.pauseAll("60s");
            assertThat(paused.resume().getBoolean("changed")).isTrue();
        } finally {
            primary.setting("synchronous_standby_names", "''");
            standby.start();
            paused.trio().cluster().awaitReplay(primary, standby);
            paused.trio().agent("pg-1").await200("/replica");
        }
    }

    /** It is prepared after the check that none is there, as an application's transaction manager would. */
    @Test
    void refusesToProveWhatAPreparedTransactionCouldChange() throws Exception {
        Postgres primary = paused.primary();
        try (Connection gate = primary.connect("pgsidecar", Postgres.SUPERUSER, "");
                Statement closing = gate.createStatement();
                Connection session = primary.connect("app", "app", "");
                Statement statement = session.createStatement()) {
            // The checks read this table; what records the pause waits for the lock.
            gate.setAutoCommit(false);
            closing.execute("LOCK TABLE pgsidecar.write_pause IN ROW EXCLUSIVE MODE");
            String id = new JsonObject(
                            paused.agent().order("/v1/writes/pause", Paused.ALL).body())
                    .getString("id");
            await("the pause is about to be recorded")
                    .atMost(Duration.ofSeconds(30))
                    .until(() -> primary.queryIn(
                                    "pgsidecar",
                                    "SELECT count(*) FROM pg_locks WHERE NOT granted"
                                            + " AND relation = 'pgsidecar.write_pause'::regclass")
                            .equals("1"));
            session.setAutoCommit(false);
            statement.execute("INSERT INTO t DEFAULT VALUES");
            statement.execute("PREPARE TRANSACTION 'late'");
            gate.commit();

            JsonObject ended = paused.agent().awaitEnd(id);
            assertThat(ended.getString("state")).isEqualTo("failed");
            assertThat(ended.getString("failure")).contains("1 prepared transactions could commit");
            assertThat(paused.state()).isEqualTo("open");
            assertThat(primary.queryIn("pgsidecar", "SELECT gid FROM pg_prepared_xacts"))
                    .isEqualTo("late");
        } finally {
            resume(); // of a pause that was proved all the same
            primary.sqlIn("app", "ROLLBACK PREPARED 'late'");
        }
    }

    @Test
    void keepsJobsOfPgCronOut() throws Exception {
        Postgres primary = paused.primary();
        restartWith("'pg_cron'", "off");
        try {
            primary.sql(
                    "CREATE EXTENSION pg_cron",
                    "SELECT cron.schedule_in_database('often', '1 second', 'INSERT INTO t DEFAULT VALUES', 'app')",
                    "UPDATE cron.job SET username = 'app', nodename = '127.0.0.1', nodeport = " + primary.port());
            awaitJob(rows(primary));

            // pg_cron's own database stays open: its launcher tries, and records that there.
            int failed = failedJobs(primary);
            keepsJobsOut(
                    new JsonObject().put("databases", new JsonArray().add("app")),
                    () -> failedJobs(primary) >= failed + 2);

            // Where all are paused, its launcher ends, as it cannot write or by the agent, and the server starts it
            // again.
            int ended = endedLaunchers(primary);
            keepsJobsOut(Paused.ALL.copy(), () -> endedLaunchers(primary) >= ended + 2);

            restartWith("'pg_cron'", "on");
            assertThat(paused.refused("/v1/writes/pause", Paused.ALL, 412)).containsExactly("background-jobs");
            JsonObject waived = Paused.ALL.copy().put("waive", new JsonArray().add("background-jobs"));
            paused.pause(waived);
            assertThatThrownBy(() -> Paused.write(primary)).hasMessageContaining("too many connections");
            paused.resume();
        } finally {
            resume();
            restartWith("''", "off");
            primary.sql("DROP EXTENSION IF EXISTS pg_cron");
        }
    }

    /** Pauses until its jobs have tried to write, and resumes. */
    private static void keepsJobsOut(JsonObject order, Callable<Boolean> tried) {
        Postgres primary = paused.primary();
        Postgres standby = paused.trio().server("pg-1");
        paused.pause(order.put("waitForStandbys", new JsonArray().add("pg-1")));
        long then = rows(standby);
        await("it has tried").atMost(Duration.ofSeconds(60)).until(tried);
        paused.trio().cluster().awaitReplay(primary, standby);
        assertThat(rows(standby)).isEqualTo(then);
        paused.resume();
        awaitJob(then);
    }

    private static void awaitJob(long rows) {
        await("the job runs").atMost(Duration.ofSeconds(60)).until(() -> rows(paused.primary()) > rows);
    }

    private static void restartWith(String libraries, String backgroundWorkers) {
        Postgres primary = paused.primary();
        primary.setting("shared_preload_libraries", libraries);
        primary.setting("cron.host", "'127.0.0.1'");
        primary.setting("cron.use_background_workers", backgroundWorkers);
        primary.restart();
        for (String standby : List.of("pg-1", "pg-2")) {
            paused.trio().cluster().awaitReplay(primary, paused.trio().server(standby));
        }
        paused.agent().await200("/primary");
    }

    private static long rows(Postgres server) {
        return Long.parseLong(server.queryIn("app", "SELECT count(*) FROM t"));
    }

    private static int failedJobs(Postgres server) {
        return Integer.parseInt(server.query("SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'"
                + " AND return_message LIKE '%connection failed%'"));
    }

    private static int endedLaunchers(Postgres server) {
        return (int) Pattern.compile("background worker \"pg_cron launcher\" \\(PID \\d+\\) exited")
                .matcher(server.log())
                .results()
                .count();
    }

    /** Waits until sessions that fit the condition have begun so many statements more. */
    private static void awaitStatements(String condition, int times) throws SQLException {
        try (Connection session = paused.primary().connect("pgsidecar", Postgres.SUPERUSER, "");
                Statement statement = session.createStatement()) {
            Set<String> begun = new HashSet<>();
            // The first one that is seen may have begun before.
            await(condition)
                    .atMost(Duration.ofSeconds(60))
                    .pollInterval(Duration.ofMillis(2))
                    .until(() -> {
                        try (ResultSet rows = statement.executeQuery(
                                "SELECT pid, query_start FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND "
                                        + condition)) {
                            while (rows.next()) {
                                begun.add(rows.getString(1) + rows.getString(2));
                            }
                        }
                        return begun.size() > times;
                    });
        }
    }
}
