package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Psql;
import dev.pgsidecar.cluster.Standby;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The agent, the server, or both die at each line of a pause, a hand-over and a resume. Whatever is left ends as it should: by
 * the lease, or, once the hand-over is committed, by an order only; and every value is as it was.
 */
@Tag("agent")
class WritesCrashIT {

    private static final JsonObject PAUSE = new JsonObject().put("all", true).put("ttl", "2s");

    @TempDir
    Path folder;

    /** One for all cases: each leaves everything as it was, or the next one gets another. */
    private static Cluster cluster;

    private static Postgres primary;
    private static Postgres standby;
    private static String before;

    @BeforeAll
    static void startServers() {
        cluster = Cluster.on(17);
        primary = cluster.primary("pg-0");
        Psql.install(primary);
        primary.hba("host all pgsidecar,app 127.0.0.1/32 trust");
        primary.sql("CREATE ROLE app LOGIN", "CREATE DATABASE app OWNER app CONNECTION LIMIT 150");
        primary.sqlIn("app", "SET ROLE app", "CREATE TABLE t (v bigserial)");
        standby = cluster.standby("pg-1", primary, Standby.WITH_SLOT, Map.of("wal_retrieve_retry_interval", "'200ms'"));
        before = Paused.settings(primary);
    }

    @AfterAll
    static void stopServers() {
        cluster.close();
    }

    /** Whatever is left by a case that failed is not the next one's. */
    @AfterEach
    void startAnewUnlessAllIsAsItWas() {
        boolean asItWas = primary.isRunning()
                && Paused.settings(primary).equals(before)
                && primary.queryIn("pgsidecar", "SELECT count(*) FROM pgsidecar.write_pause WHERE ended IS NULL")
                        .equals("0")
                && standby.query("SELECT pg_is_wal_replay_paused()").equals("f");
        if (!asItWas) {
            stopServers();
            startServers();
        }
    }

    /** Three points of each operation; WritePauseCrashMatrixIT has all of them in process. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "pause/record:after",
                "pause/terminate:before",
                "pause/prove:after",
                "resume:ordered",
                "resume/resume:after",
                "resume/be-seen:before",
                "commit/commit:before",
                "commit:irrevocable",
                "commit/arrive:after"
            })
    void continuesAfterKill9(String point) throws Exception {
        switch (point.split("[/:]")[0]) {
            case "pause" -> endsByItselfWhereTheAgentDiesInAPause(point);
            case "resume" -> goesOnWhereTheAgentDiesInAResume(point);
            default -> eitherHandsOverOrEndsWhereTheAgentDiesInACommit(point);
        }
    }

    static Stream<String> ofAPause() {
        return Stream.of("record", "terminate", "prove", "standbys", "be-seen")
                .flatMap(step -> Stream.of("pause/" + step + ":before", "pause/" + step + ":after"));
    }

    @Tag("full")
    @ParameterizedTest
    @ValueSource(strings = "pause:ordered")
    @MethodSource("ofAPause")
    void endsByItselfWhereTheAgentDiesInAPause(String point) throws Exception {
        String id = die(point, "/v1/writes/pause", _ -> PAUSE.copy().put("ttl", "1h"));
        try (AgentProcess anew = agent(Map.of())) {
            JsonObject operation = anew.awaitEnd(id);
            boolean recorded = !point.equals("pause:ordered") && !point.equals("pause/record:before");
            assertThat(operation.getString("state"))
                    .as("%s%n%s", operation.encodePrettily(), anew.log())
                    .isEqualTo(recorded ? "succeeded" : "interrupted");
            if (recorded) {
                letExpire(anew);
            }
            assertOpens(anew);
        }
    }

    @Tag("full")
    @ParameterizedTest
    @ValueSource(
            strings = {"pause/record:after", "pause/terminate:before", "pause/prove:before", "pause/be-seen:before"})
    void endsByItselfWhereBothDieInAPause(String point) throws Exception {
        String id = die(point, "/v1/writes/pause", _ -> PAUSE);
        primary.kill();
        try (AgentProcess anew = agent(Map.of())) {
            primary.start();
            anew.awaitEnd(id);
            assertOpens(anew);
        }
    }

    @Tag("full")
    @ParameterizedTest
    @ValueSource(
            strings = {
                "resume:ordered",
                "resume/resume:before",
                "resume/resume:after",
                "resume/end-sessions:before",
                "resume/end-sessions:after",
                "resume/be-seen:before",
                "resume/be-seen:after"
            })
    void goesOnWhereTheAgentDiesInAResume(String point) throws Exception {
        String id = die(point, "/v1/writes/resume", agent -> {
            pause(agent, PAUSE.copy().put("ttl", "1h"));
            return new JsonObject();
        });
        try (AgentProcess anew = agent(Map.of())) {
            assertThat(anew.awaitEnd(id).getString("state")).isEqualTo("succeeded");
            assertOpens(anew);
        }
    }

    @Tag("full")
    @ParameterizedTest
    @ValueSource(
            strings = {
                "commit:ordered",
                "commit/commit:before",
                "commit:irrevocable",
                "commit/commit:after",
                "commit/arrive:before",
                "commit/arrive:after",
                "commit/be-seen:before",
                "commit/be-seen:after"
            })
    void eitherHandsOverOrEndsWhereTheAgentDiesInACommit(String point) throws Exception {
        awaitStandby();
        String id = die(point, "/v1/writes/commit", agent -> {
            JsonObject order = PAUSE.copy().put("ttl", "1h").put("waitForStandbys", new JsonArray().add("pg-1"));
            return new JsonObject().put("generation", pause(agent, order)).put("target", "pg-1");
        });
        boolean committed = committed();
        try (AgentProcess anew = agent(Map.of())) {
            assertThat(anew.awaitEnd(id).getString("state")).isEqualTo(committed ? "succeeded" : "interrupted");
            if (committed) {
                primary.sqlIn(
                        "pgsidecar",
                        "UPDATE pgsidecar.write_pause SET expires = clock_timestamp() WHERE ended IS NULL");
                Thread.sleep(1000);
                assertThat(state(anew)).as("no lease ends it").isEqualTo("handed-over");
                assertThat(standby.queryIn(
                                "pgsidecar", "SELECT committed_to FROM pgsidecar.write_pause WHERE ended IS NULL"))
                        .isEqualTo("pg-1");
                JsonObject waived = new JsonObject().put("waive", new JsonArray().add("peers-are-replicas"));
                assertThat(anew.order("/v1/writes/resume", new JsonObject()).statusCode())
                        .isEqualTo(412);
                assertThat(anew.order("/v1/writes/resume", waived).statusCode()).isEqualTo(202);
            } else {
                letExpire(anew);
            }
            assertOpens(anew);
        }
    }

    private boolean committed() {
        return primary.queryIn(
                        "pgsidecar", "SELECT committed IS NOT NULL FROM pgsidecar.write_pause WHERE ended IS NULL")
                .equals("t");
    }

    @Tag("full")
    @RepeatedTest(3)
    void endsWhereTheServerDiesInAResume() throws Exception {
        try (AgentProcess agent = agent(Map.of())) {
            pause(agent, PAUSE);
            Thread resume = Thread.ofVirtual().start(() -> agent.order("/v1/writes/resume", new JsonObject()));
            Thread.sleep(ThreadLocalRandom.current().nextInt(40));
            primary.kill();
            resume.join();
            primary.start();
            assertOpens(agent);
        }
    }

    @Test
    @Tag("full")
    void endsWhereTheAgentDiesWhileSomebodyRenews() throws Exception {
        try (AgentProcess agent = agent(Map.of())) {
            long generation = pause(agent, PAUSE);
            Thread renews = Thread.ofVirtual().start(() -> {
                try {
                    while (true) {
                        renew(agent, generation, "2s");
                    }
                } catch (UncheckedIOException e) {
                    // it is dead
                }
            });
            Thread.sleep(ThreadLocalRandom.current().nextInt(500, 1500));
            agent.process().destroyForcibly().waitFor();
            renews.join();
        }
        try (AgentProcess anew = agent(Map.of())) {
            assertOpens(anew);
        }
    }

    @Test
    @Tag("full")
    void holdsOnAfterTheServersDeath() throws Exception {
        try (AgentProcess agent = agent(Map.of())) {
            pause(agent, PAUSE.copy().put("ttl", "1h"));
            primary.kill();
            primary.start();
            assertThatThrownBy(() -> Paused.write(primary)).hasMessageContaining("too many connections");
            agent.await503("/primary", "writes-paused");
            letExpire(agent);
            assertOpens(agent);
        }
    }

    @Tag("full")
    @RepeatedTest(4)
    void endsWhereTheServerDiesInThePause() throws Exception {
        try (AgentProcess agent = agent(Map.of())) {
            agent.await200("/primary");
            Thread killer = Thread.ofVirtual().start(() -> {
                try {
                    Thread.sleep(ThreadLocalRandom.current().nextInt(10, 150));
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
                primary.kill();
            });
            JsonObject operation = new JsonObject(
                    agent.order("/v1/writes/pause", PAUSE, "Prefer", "wait=30").body());
            killer.join();
            primary.start();
            assertThat(operation.getString("state"))
                    .as("either it was done by then, or it failed: %s", operation.encodePrettily())
                    .isNotEqualTo("running");
            assertOpens(agent);
        }
    }

    /** As if the clock of the server's host had been set: the record's expiry is the past, and then the far future. */
    @Test
    @Tag("full")
    void believesNoClockAlone() throws Exception {
        try (AgentProcess agent = agent(Map.of())) {
            long generation = pause(agent, PAUSE.copy().put("ttl", "1h"));
            renew(agent, generation, "5s");
            primary.sqlIn(
                    "pgsidecar",
                    "UPDATE pgsidecar.write_pause SET expires = expires - interval '3s' WHERE ended IS NULL");
            // The new expiry counts by the monotonic clock from when it was first seen: two seconds, not a moment.
            assertThat(state(agent)).isEqualTo("paused");
            assertOpens(agent);
        }
    }

    @Test
    @Tag("full")
    void waitsWithTheAgentAway() throws Exception {
        try (AgentProcess agent = agent(Map.of())) {
            pause(agent, PAUSE);
        }
        Thread.sleep(2500);
        assertThatThrownBy(() -> Paused.write(primary))
                .as("nobody but its holder ends a lease")
                .hasMessageContaining("too many connections");
        try (AgentProcess anew = agent(Map.of())) {
            assertOpens(anew);
        }
    }

    @Test
    @Tag("full")
    void needsNoStateFolder() throws Exception {
        try (AgentProcess agent = agent(Map.of())) {
            pause(agent, PAUSE.copy().put("ttl", "1h"));
        }
        deleteState();
        try (AgentProcess anew = agent(Map.of())) {
            anew.await503("/primary", "writes-paused");
            assertThatThrownBy(() -> Paused.write(primary)).hasMessageContaining("too many connections");
            letExpire(anew);
            assertOpens(anew);
        }
    }

    @Tag("full")
    @RepeatedTest(4)
    void endsWhereTheAgentDiesAroundTheExpiry() throws Exception {
        try (AgentProcess agent = agent(Map.of())) {
            pause(agent, PAUSE.copy().put("ttl", "2s"));
            Thread.sleep(ThreadLocalRandom.current().nextInt(1700, 2600));
        }
        try (AgentProcess anew = agent(Map.of())) {
            assertOpens(anew);
        }
    }

    @Test
    @Tag("full")
    void changesNothingWhenToldToStop() throws Exception {
        try (AgentProcess agent = agent(Map.of())) {
            pause(agent, PAUSE.copy().put("ttl", "1h"));
            agent.process().destroy();
            assertThat(agent.process().waitFor(20, TimeUnit.SECONDS)).isTrue();
        }
        assertThatThrownBy(() -> Paused.write(primary)).hasMessageContaining("too many connections");
        try (AgentProcess anew = agent(Map.of())) {
            letExpire(anew);
            assertOpens(anew);
        }
    }

    @Test
    @Tag("full")
    void undoesAPauseThatIsCancelled() throws Exception {
        awaitStandby();
        try (AgentProcess agent = agent(Map.of())) {
            agent.await200("/primary");
            standby.sql("SELECT pg_wal_replay_pause()"); // it never has everything
            JsonObject order = PAUSE.copy().put("ttl", "1h").put("waitForStandbys", new JsonArray().add("pg-1"));
            String id = new JsonObject(agent.order("/v1/writes/pause", order).body()).getString("id");
            await().untilAsserted(() -> assertThat(agent.look("/v1/operations/" + id)
                            .getJsonArray("steps")
                            .encode())
                    .contains("standbys"));
            assertThat(agent.order("/v1/writes/resume", new JsonObject()).statusCode())
                    .as("one at a time")
                    .isEqualTo(409);
            assertThat(agent.command("DELETE", "/v1/operations/" + id, AgentProcess.OPERATE, "")
                            .statusCode())
                    .isEqualTo(202);
            assertThat(agent.awaitEnd(id).getString("state")).isEqualTo("cancelled");
            assertOpens(agent);
            standby.sql("SELECT pg_wal_replay_resume()");
        }
    }

    // --- Tools -------------------------------------------------------------------------------------------------------

    private AgentProcess agent(Map<String, String> more) {
        Map<String, String> environment = new HashMap<>(Map.of(
                "PGSIDECAR_NAME", "pg-0",
                "PGSIDECAR_POSTGRES_USER", "pgsidecar",
                "PGSIDECAR_POSTGRES_DATABASE", "pgsidecar"));
        environment.putAll(more);
        return AgentProcess.start(
                        cluster,
                        primary.port(),
                        environment,
                        "--state-dir",
                        folder.resolve("state").toString())
                .awaitAnswer();
    }

    /** Orders at an agent that dies at that point what it has prepared for; the operation's name. */
    private String die(String point, String path, Function<AgentProcess, JsonObject> prepare) throws Exception {
        try (AgentProcess agent = agent(Map.of("PGSIDECAR_TEST_HALT_AT", point))) {
            agent.await200("/health");
            JsonObject order = prepare.apply(agent);
            try {
                agent.order(path, order);
            } catch (UncheckedIOException e) {
                // it died before it could answer
            }
            assertThat(agent.process().waitFor(20, TimeUnit.SECONDS))
                    .as(agent.log())
                    .isTrue();
            assertThat(agent.process().exitValue()).isEqualTo(137);
        }
        try (Stream<Path> journals = Files.list(folder.resolve("state/operations"))) {
            return journals.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".json") && name.startsWith(path.replaceAll(".*/", "")))
                    .map(name -> name.replace(".json", ""))
                    .max(String::compareTo)
                    .orElseThrow();
        }
    }

    /** Pauses; the generation. */
    private static long pause(AgentProcess agent, JsonObject order) {
        agent.await200("/primary");
        JsonObject operation = new JsonObject(
                agent.order("/v1/writes/pause", order, "Prefer", "wait=30").body());
        assertThat(operation.getString("state"))
                .as("%s%n%s", operation.encodePrettily(), agent.log())
                .isEqualTo("succeeded");
        return operation.getJsonObject("result").getLong("generation");
    }

    /** The lease of a pause that had to last until now, whatever this machine is busy with: its shortest one. */
    private static void letExpire(AgentProcess agent) {
        agent.await503("/primary", "writes-paused");
        long generation = agent.look("/v1/writes").getLong("generation");
        // A session that a crash broke a moment ago says so once: 503, and the next call has another.
        await("renewed").atMost(Duration.ofSeconds(5)).untilAsserted(() -> renew(agent, generation, "2s"));
    }

    private static void awaitStandby() {
        await("pg-1 streams").atMost(Duration.ofSeconds(20)).until(() -> primary.query(
                        "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")
                .equals("1"));
    }

    private static void renew(AgentProcess agent, long generation, String ttl) {
        var answer = agent.command(
                "PUT",
                "/v1/writes/lease",
                AgentProcess.OPERATE,
                new JsonObject().put("generation", generation).put("ttl", ttl).encode());
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    }

    private static String state(AgentProcess agent) {
        return agent.look("/v1/writes").getString("state");
    }

    /** Everything is as it was, and the application writes. */
    private void assertOpens(AgentProcess agent) throws SQLException {
        await("open").atMost(Duration.ofSeconds(20)).ignoreExceptions().untilAsserted(() -> assertThat(state(agent))
                .as(agent.log())
                .isEqualTo("open"));
        assertThat(Paused.settings(primary)).isEqualTo(before);
        Paused.write(primary);
        agent.await200("/primary");
        assertThat(primary.queryIn("pgsidecar", "SELECT count(*) FROM pgsidecar.write_pause WHERE ended IS NULL"))
                .isEqualTo("0");
    }

    private void deleteState() throws IOException {
        try (Stream<Path> files = Files.walk(folder.resolve("state"))) {
            for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
