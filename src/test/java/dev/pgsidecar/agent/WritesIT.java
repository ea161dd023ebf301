package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.docs.Page;
import dev.pgsidecar.suite.Suite;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The protocol of docs/write-pause.md, row by row, with agents that have the rights of install.sql and no more. */
@Tag("agent")
class WritesIT {

    @TempDir
    static Path folder;

    private static final Map<Integer, Paused> SERVERS = new TreeMap<>();

    /** The servers of all tests that leave them as they were. */
    private static Paused on(int major) {
        return SERVERS.computeIfAbsent(
                major, _ -> new Paused(major, newFolder(), Map.of("max_prepared_transactions", "5")).startAgents());
    }

    private static Path newFolder() {
        try {
            return Files.createTempDirectory(folder, "servers");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @AfterEach
    void resume() {
        SERVERS.values().stream()
                .filter(paused -> !paused.state().equals("open"))
                .forEach(Paused::resume);
    }

    @AfterAll
    static void close() {
        SERVERS.values().forEach(Paused::close);
    }

    private static int rows(Postgres server) {
        return Integer.parseInt(server.queryIn("app", "SELECT count(*) FROM t"));
    }

    static Stream<Arguments> versionsAndMethods() {
        return Suite.versions(15, 17, 18).stream()
                .flatMap(major -> Stream.of(Arguments.of(major, "limit"), Arguments.of(major, "close")));
    }

    @Tag("versions")
    @ParameterizedTest
    @MethodSource("versionsAndMethods")
    void holdsWritesBackAndPutsEverythingBack(int major, String method) throws Exception {
        Paused paused = on(major);
        try (Connection writer = paused.primary().connect("app", "app", "");
                Statement open = writer.createStatement()) {
            String before = Paused.settings(paused.primary());
            int rows = rows(paused.primary());
            writer.setAutoCommit(false);
            open.execute("INSERT INTO t DEFAULT VALUES");

            JsonObject answer = paused.pause(Paused.ALL
                    .copy()
                    .put("method", method)
                    .put("ttl", "60s")
                    .put("waitForStandbys", new JsonArray().add("pg-1").add("pg-2")));

            long generation = answer.getLong("generation");
            assertThat(answer.getString("guarantee"))
                    .isEqualTo(method.equals("limit") ? "no-ordinary-role-can-write" : "none-can-write");
            assertThat(answer.getJsonArray("couldStillWrite").encode().contains("superuser postgres"))
                    .isEqualTo(method.equals("limit"));
            assertThat(answer.getLong("sessionsEnded")).isPositive();
            assertThat(answer.getJsonObject("proof").getJsonArray("samples")).hasSize(6);
            assertThat(answer.getJsonArray("standbys").stream().map(each -> ((JsonObject) each).getBoolean("hasAll")))
                    .containsExactly(true, true);
            assertThat(paused.primary()
                            .queryIn(
                                    "pgsidecar",
                                    "SELECT final_lsn::text FROM pgsidecar.write_pause WHERE ended IS NULL"))
                    .isEqualTo(answer.getString("finalLsn"));
            assertThatThrownBy(writer::commit).as("the open transaction").isInstanceOf(java.sql.SQLException.class);
            assertThatThrownBy(() -> Paused.write(paused.primary()))
                    .hasMessageContaining(
                            method.equals("limit") ? "too many connections" : "not currently accepting connections");

            for (String path : new String[] {"/primary", "/read-write", "/readiness", "/read-only"}) {
                paused.agent().await503(path, "writes-paused");
            }
            assertThat(paused.agent().status("/health")).isEqualTo(200);
            assertThat(paused.agent().status("/liveness")).isEqualTo(200);
            JsonObject writes = paused.agent().look("/v1/writes");
            assertThat(writes.getString("state")).isEqualTo("paused");
            assertThat(writes.getString("role")).isEqualTo("primary");
            assertThat(writes.getString("orderedBy")).isEqualTo("ops");
            assertThat(writes.getDouble("leaseSecondsLeft")).isBetween(40.0, 60.0);
            assertThat(paused.agent().getText("/metrics"))
                    .contains("pgsidecar_writes_paused 1", "pgsidecar_writes_guarantee{guarantee=");
            await().untilAsserted(() -> {
                JsonObject replica = paused.trio().agent("pg-1").json("/replica");
                assertThat(replica.getString("reason")).isEqualTo("connections-limited");
            });
            assertThat(paused.trio().agent("pg-1").status("/replica")).isEqualTo(200);
            assertThat(paused.trio().agent("pg-1").look("/v1/writes").getString("state"))
                    .isEqualTo("paused");
            assertThatThrownBy(() -> Paused.write(paused.trio().server("pg-1")))
                    .as("a standby refuses new sessions as well")
                    .hasMessageContaining("connections");

            JsonObject resumed = paused.resume();

            assertThat(resumed.getBoolean("changed")).isTrue();
            assertThat(resumed.getJsonArray("kept")).isEmpty();
            assertThat(Paused.settings(paused.primary())).isEqualTo(before);
            Paused.write(paused.primary());
            assertThat(rows(paused.primary())).isEqualTo(rows + 1);
            assertThat(paused.state()).isEqualTo("open");
            assertThat(paused.agent().look("/v1/writes").getJsonObject("last").getString("how"))
                    .isEqualTo("resumed by ops");
            paused.agent().await200("/primary");
            assertThat(paused.resume().getBoolean("changed")).as("again").isFalse();
            assertThat(paused.pauseAll("2s").getLong("generation")).isEqualTo(generation + 1);
            paused.awaitState("open");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"limit", "close"})
    void undoesItByHand(String method) throws Exception {
        Paused paused = on(17);
        String before = Paused.settings(paused.primary());
        JsonObject answer = paused.pause(Paused.ALL.copy().put("method", method));
        for (Object statement : answer.getJsonArray("undo")) {
            paused.primary().sqlIn("pgsidecar", statement.toString());
        }
        assertThat(Paused.settings(paused.primary())).isEqualTo(before);
        paused.awaitState("open");
        await().ignoreExceptions().untilAsserted(() -> Paused.write(paused.primary()));
    }

    /** The commands of docs/runbooks/undo-a-pause-by-hand.md, as they stand there. */
    @Test
    void undoesItByTheBook() throws Exception {
        Paused paused = on(17);
        String before = Paused.settings(paused.primary());
        paused.pauseAll("1h");
        List<String> commands = Page.commands("docs/runbooks/undo-a-pause-by-hand.md", "psql");
        assertThat(commands).hasSize(3);
        assertThat(shell(paused.primary(), commands.getFirst())).contains("pg-0");
        assertThat(shell(paused.primary(), commands.getLast()))
                .contains("ALTER DATABASE app CONNECTION LIMIT 150", "UPDATE pgsidecar.write_pause");
        assertThat(shell(paused.primary(), "psql -X -d pgsidecar -f deploy/sql/uninstall.sql"))
                .contains("writes are paused");
        assertThat(shell(paused.primary(), commands.get(1))).contains("\"changed\": true");
        assertThat(Paused.settings(paused.primary())).isEqualTo(before);
        paused.awaitState("open");
        Paused.write(paused.primary());

        assertThat(shell(paused.primary(), "psql -X -d postgres -f deploy/sql/install.sql"))
                .contains("run it in the database pgsidecar");
        assertThat(shell(paused.primary(), "psql -X -d pgsidecar -f deploy/sql/uninstall.sql"))
                .endsWith("COMMIT\n");
        paused.awaitState("not-installed");
        assertThat(paused.refused("/v1/writes/pause", Paused.ALL, 412)).contains("rights");
        assertThat(shell(paused.primary(), "psql -X -d pgsidecar -f deploy/sql/install.sql"))
                .endsWith("COMMIT\n");
        paused.awaitState("open");
    }

    private static String shell(Postgres server, String command) throws Exception {
        ProcessBuilder builder = new ProcessBuilder("bash", "-c", command).redirectErrorStream(true);
        builder.environment()
                .putAll(Map.of(
                        "PATH",
                        Path.of(server.binaries().program("psql")).getParent() + ":" + System.getenv("PATH"),
                        "PGHOST",
                        "127.0.0.1",
                        "PGPORT",
                        "" + server.port(),
                        "PGUSER",
                        "postgres"));
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        process.waitFor();
        return output;
    }

    @Test
    void resumesByItselfWhenTheLeaseHasRunOut() throws Exception {
        Paused paused = on(17);
        String before = Paused.settings(paused.primary());
        long generation = paused.pauseAll("6s").getLong("generation");
        String firstExpiry = paused.expiry();
        var renewed = paused.agent()
                .command(
                        "PUT",
                        "/v1/writes/lease",
                        AgentProcess.OPERATE,
                        new JsonObject()
                                .put("generation", generation)
                                .put("ttl", "9s")
                                .encode());
        assertThat(renewed.statusCode()).as(renewed.body()).isEqualTo(200);
        assertThat(new JsonObject(renewed.body()).getDouble("leaseSecondsLeft")).isBetween(7.0, 9.0);
        paused.primary().sqlIn("pgsidecar", "ALTER DATABASE other CONNECTION LIMIT 7");
        paused.awaitObservationAfter(firstExpiry);
        assertThat(paused.state()).as("renewed").isEqualTo("paused");
        paused.awaitState("open");
        assertThat(paused.agent().log()).contains("has run out", "other has the connection limit 7");
        assertThat(paused.primary()
                        .queryIn(
                                "pgsidecar",
                                "SELECT ended_how || ' ' || kept FROM pgsidecar.write_pause WHERE generation = "
                                        + generation))
                .isEqualTo("expired [\"other has the connection limit 7; before the pause: -1\"]");
        JsonObject last = paused.agent().look("/v1/writes").getJsonObject("last");
        assertThat(last.getLong("generation")).isEqualTo(generation);
        assertThat(last.getString("how")).isEqualTo("expired");
        assertThat(last.getJsonArray("kept")).containsExactly("other has the connection limit 7; before the pause: -1");
        paused.primary().sql("ALTER DATABASE other CONNECTION LIMIT -1");
        assertThat(Paused.settings(paused.primary())).isEqualTo(before);
        Paused.write(paused.primary());
    }

    @Test
    void pausesSomeDatabasesOnly() throws Exception {
        Paused paused = on(17);
        try (Connection other = paused.primary().connect("other", "postgres", "");
                Statement busy = other.createStatement()) {
            busy.execute("CREATE TABLE t (v int)");
            JsonObject answer = paused.pause(new JsonObject().put("databases", new JsonArray().add("app")));
            busy.execute("INSERT INTO t VALUES (1)");
            assertThat(answer.getJsonArray("couldStillWrite").encode()).contains("databases that are not paused");
            assertThatThrownBy(() -> Paused.write(paused.primary())).hasMessageContaining("too many connections");
            paused.resume();
            Paused.write(paused.primary());
        }
    }

    @Test
    void pausesTemplate0WhereItAcceptsConnections() {
        Paused paused = on(17);
        paused.primary().sql("ALTER DATABASE template0 ALLOW_CONNECTIONS true");
        try {
            paused.pause(Paused.ALL.copy().put("method", "close"));
            assertThatThrownBy(() -> paused.primary().connect("template0", Postgres.SUPERUSER, ""))
                    .hasMessageContaining("not currently accepting connections");
            paused.resume();
            assertThat(paused.primary().query("SELECT datallowconn FROM pg_database WHERE datname = 'template0'"))
                    .isEqualTo("t");
        } finally {
            paused.primary().sqlIn("pgsidecar", "ALTER DATABASE template0 ALLOW_CONNECTIONS false");
        }
    }

    /** It analyzes an index on an expression whose function writes as soon as it may: the table's owner made it. */
    @Test
    void endsAnAutovacuumWorkerFromBeforeThePause() throws Exception {
        Map<String, String> often = Map.of("autovacuum_naptime", "1s", "autovacuum_analyze_threshold", "10");
        try (Paused paused = new Paused(17, newFolder(), often).startPrimarysAgent()) {
            Postgres primary = paused.primary();
            try (Connection app = primary.connect("app", "app", "");
                    Statement statement = app.createStatement()) {
                statement.execute("""
                        CREATE FUNCTION slow(v bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS $$
                        BEGIN
                          IF current_setting('application_name') = '' THEN -- the table's owner does not see what kind of backend it is
                            PERFORM pg_sleep(60);
                          END IF;
                          RETURN v;
                        END $$""");
                statement.execute("CREATE INDEX ON t (slow(v))");
                statement.execute("INSERT INTO t SELECT FROM generate_series(1, 1000)");
            }
            String worker = await().atMost(Duration.ofSeconds(30))
                    .until(
                            () -> primary.queryIn(
                                    "pgsidecar",
                                    "SELECT max(pid) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"
                                            + " AND datname = 'app' AND wait_event = 'PgSleep'"),
                            Objects::nonNull);
            JsonObject answer = paused.pauseAll("60s");
            assertThat(answer.getString("guarantee")).isEqualTo("no-ordinary-role-can-write");
            assertThat(primary.queryIn("pgsidecar", "SELECT count(*) FROM pg_stat_activity WHERE pid = " + worker))
                    .as("one that started later has the database's default_transaction_read_only")
                    .isEqualTo("0");
        }
    }

    @Test
    void refuses() throws Exception {
        Paused paused = on(17);
        Postgres primary = paused.primary();

        assertThat(paused.agent().order("/v1/writes/pause", new JsonObject()).body())
                .contains("either");
        assertThat(paused.refused("/v1/writes/pause", new JsonObject(), 400)).isEmpty();
        assertThat(paused.refused("/v1/writes/pause", Paused.ALL.copy().put("ttl", "1s"), 422))
                .isEmpty();
        assertThat(paused.refused("/v1/writes/pause", Paused.ALL.copy().put("ttl", "2h"), 422))
                .isEmpty();
        assertThat(paused.refused("/v1/writes/pause", Paused.ALL.copy().put("ttl", "soon"), 400))
                .isEmpty();
        assertThat(paused.refused("/v1/writes/pause", Paused.ALL.copy().put("method", "magic"), 400))
                .isEmpty();
        assertThat(paused.refused("/v1/writes/pause", databases("app", "nowhere"), 412))
                .containsExactly("databases");
        assertThat(paused.refused("/v1/writes/pause", databases("pgsidecar"), 412))
                .containsExactly("databases");
        assertThat(paused.refused(
                        "/v1/writes/pause", Paused.ALL.copy().put("waitForStandbys", new JsonArray().add("pg-7")), 412))
                .containsExactly("standbys");

        primary.sqlIn("app", "BEGIN; INSERT INTO t DEFAULT VALUES; PREPARE TRANSACTION 'later'");
        assertThat(paused.refused("/v1/writes/pause", Paused.ALL, 412)).containsExactly("prepared-transactions");
        primary.sqlIn("app", "ROLLBACK PREPARED 'later'");

        primary.sqlIn(
                "app",
                "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p"
                        + " WITH (connect = false, slot_name = NONE)");
        primary.sqlIn("app", "ALTER SUBSCRIPTION s SET (slot_name = 's')", "ALTER SUBSCRIPTION s ENABLE");
        assertThat(paused.refused("/v1/writes/pause", Paused.ALL, 412)).containsExactly("subscriptions");
        primary.sqlIn("app", "ALTER SUBSCRIPTION s DISABLE", "ALTER SUBSCRIPTION s SET (slot_name = NONE)");
        primary.sqlIn("app", "DROP SUBSCRIPTION s");

        assertThat(new JsonObject(paused.trio()
                                .agent("pg-1")
                                .order("/v1/writes/pause", Paused.ALL)
                                .body())
                        .encode())
                .contains("\"status\":412", "order it at the primary's agent");

        JsonObject another = new JsonObject().put("generation", 1_000);
        assertThat(paused.refused("/v1/writes/commit", another.copy().put("target", "pg-1"), 409))
                .contains("generation", "proved");
        assertThat(paused.agent()
                        .command("PUT", "/v1/writes/lease", AgentProcess.OPERATE, another.encode())
                        .statusCode())
                .isEqualTo(409);

        JsonObject current =
                new JsonObject().put("generation", paused.pauseAll("60s").getLong("generation"));
        assertThat(paused.refused("/v1/writes/pause", Paused.ALL, 409)).containsExactly("not-paused");
        assertThat(paused.refused("/v1/writes/resume", another, 409)).containsExactly("generation");
        assertThat(paused.refused("/v1/writes/commit", another.copy().put("target", "pg-1"), 409))
                .contains("generation");
        assertThat(paused.refused("/v1/writes/commit", current, 412)).contains("target");
        assertThat(paused.refused("/v1/writes/commit", current.copy().put("target", "pg-9"), 412))
                .contains("target");
        assertThat(paused.agent()
                        .command("PUT", "/v1/writes/lease", AgentProcess.OPERATE, another.encode())
                        .statusCode())
                .isEqualTo(409);
        assertThat(paused.agent()
                        .command("PUT", "/v1/writes/lease", AgentProcess.OPERATE, "{}")
                        .statusCode())
                .isEqualTo(400);
        assertThat(paused.agent()
                        .command("PUT", "/v1/writes/lease", AgentProcess.VIEW, current.encode())
                        .statusCode())
                .isEqualTo(403);
        assertThat(new JsonObject(paused.trio()
                                .agent("pg-1")
                                .order("/v1/promote", current)
                                .body())
                        .encode())
                .contains("\"status\":412", "not committed");
        assertThat(paused.state()).as("none of it has touched the pause").isEqualTo("paused");
        paused.resume();
    }

    @Test
    void handsOverToAStandbyWhileThePrimaryLives() throws Exception {
        try (Paused paused = new Paused(17, newFolder()).startAgents()) {
            Paused.write(paused.primary());
            JsonObject committed = paused.handOver("pg-1");
            long generation = committed.getLong("generation");
            assertThat(committed.getJsonArray("warnings").getString(0))
                    .contains("pg-2 streams from here, not from pg-1");
            assertThat(paused.state()).isEqualTo("handed-over");
            assertThat(new JsonObject(paused.trio()
                                    .agent("pg-2")
                                    .order("/v1/promote", new JsonObject().put("generation", generation))
                                    .body())
                            .encode())
                    .contains("\"status\":412", "handed over to pg-1");

            JsonObject promoted = paused.promote("pg-1", generation);

            assertThat(promoted.getLong("resumedGeneration")).isEqualTo(generation);
            paused.trio().agent("pg-1").await200("/primary");
            Postgres next = paused.trio().server("pg-1");
            Paused.write(next);
            assertThat(next.queryIn("app", "SELECT count(*) FROM t")).isEqualTo("2");
            paused.agent().await503("/primary", "superseded");
            assertThatThrownBy(() -> Paused.write(paused.primary())).hasMessageContaining("too many connections");
            assertThat(paused.refused("/v1/writes/resume", new JsonObject(), 412))
                    .contains("superseded");
            assertThat(paused.state()).isEqualTo("handed-over");
        }
    }

    @Test
    void adoptsAPauseWhereSomebodyElseHasPromoted() throws Exception {
        try (Paused paused = new Paused(17, newFolder()).startAgents()) {
            String before = Paused.settings(paused.primary());
            paused.pause(Paused.ALL.copy().put("waitForStandbys", new JsonArray().add("pg-1")));
            Postgres next = paused.trio().server("pg-1");
            paused.primary().stop();
            // From a database that is not paused: the agent ends the sessions of the others.
            assertThat(next.queryIn("pgsidecar", "SELECT pg_promote()")).isEqualTo("t");
            AgentProcess agent = paused.trio().agent("pg-1");
            await().atMost(Duration.ofSeconds(20))
                    .untilAsserted(() -> assertThat(agent.look("/v1/writes").getString("state"))
                            .as(agent.log())
                            .isEqualTo("open"));
            assertThat(Paused.settings(next)).isEqualTo(before);
            Paused.write(next);
            assertThat(next.queryIn("pgsidecar", "SELECT ended_how FROM pgsidecar.write_pause"))
                    .isEqualTo("adopted by pg-1");
        }
    }

    private static JsonObject databases(String... names) {
        JsonArray array = new JsonArray();
        for (String name : names) {
            array.add(name);
        }
        return new JsonObject().put("databases", array);
    }
}
