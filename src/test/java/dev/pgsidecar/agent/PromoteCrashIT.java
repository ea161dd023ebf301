package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Psql;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** kill -9 of the agent at each point of a promote: its next start goes on, or says what is true. */
@Tag("agent")
class PromoteCrashIT {

    private static final int KILLED = 137;

    private static final JsonObject ORDER = new JsonObject()
            .put("deadPrimary", "pg-0")
            .put("waive", new JsonArray().add("peers-answer").add("synchronous"));

    @TempDir
    Path folder;

    private Cluster cluster;
    private Postgres standby;
    private int commandPort;

    @ParameterizedTest
    @ValueSource(strings = {"promote/make-slots:after", "promote:irrevocable", "promote/write:before"})
    void continuesAfterKill9(String point) throws Exception {
        goesOn(point);
    }

    @Tag("full")
    @ParameterizedTest
    @ValueSource(
            strings = {
                "promote:ordered",
                "promote/make-slots:before",
                "promote/make-slots:after",
                "promote/promote:before",
                "promote:irrevocable",
                "promote/promote:after",
                "promote/leave-recovery:before",
                "promote/leave-recovery:after",
                "promote/checkpoint:before",
                "promote/checkpoint:after",
                "promote/control-file:before",
                "promote/control-file:after",
                "promote/write:before",
                "promote/write:after",
                "promote/look-around:before",
                "promote/look-around:after",
                "promote/be-seen:before",
                "promote/be-seen:after"
            })
    void goesOn(String point) throws Exception {
        aDeadPrimaryAndItsStandby();
        String id = orderAndDie(point);
        try (AgentProcess anew = agent(Map.of())) {
            JsonObject operation = anew.awaitEnd(id);
            assertThat(operation.getString("state"))
                    .as("%s%n%s", operation.encodePrettily(), anew.log())
                    .isEqualTo("succeeded");
            assertThat(operation.getJsonObject("result").getInteger("timeline")).isEqualTo(2);
            assertPrimary(anew);
        }
    }

    @Test
    @Tag("full")
    void judgesAgainBeforeItGoesOn() throws Exception {
        aDeadPrimaryAndItsStandby();
        String id = orderAndDie("promote:irrevocable");
        standby.sql("ALTER SYSTEM SET recovery_min_apply_delay = '1h'", "SELECT pg_reload_conf()");
        try (AgentProcess anew = agent(Map.of())) {
            JsonObject operation = anew.awaitEnd(id);
            assertThat(operation.getString("state"))
                    .as(operation.encodePrettily())
                    .isEqualTo("interrupted");
            assertThat(operation.getString("failure")).contains("apply-delay");
            assertThat(standby.query("SELECT pg_is_in_recovery()")).isEqualTo("t");
        }
    }

    @Test
    @Tag("full")
    void judgesAgainWhatHadNotActed() throws Exception {
        aDeadPrimaryAndItsStandby();
        String id = orderAndDie("promote/promote:before");
        standby.sql("ALTER SYSTEM SET recovery_min_apply_delay = '1h'", "SELECT pg_reload_conf()");
        try (AgentProcess anew = agent(Map.of())) {
            JsonObject operation = anew.awaitEnd(id);
            assertThat(operation.getString("state")).isEqualTo("failed");
            assertThat(operation.getString("failure")).startsWith("apply-delay: found 3600s");
        }
    }

    @Test
    @Tag("full")
    void doesNotActOnAnOrderOfLongAgo() throws Exception {
        aDeadPrimaryAndItsStandby();
        String id = orderAndDie("promote:ordered");
        Path journal = folder.resolve("state/operations").resolve(id + ".json");
        JsonObject aged = new JsonObject(Files.readString(journal)).put("ordered", "2026-01-02T03:04:05Z");
        Files.writeString(journal, aged.encode());
        try (AgentProcess anew = agent(Map.of())) {
            JsonObject operation = anew.awaitEnd(id);
            assertThat(operation.getString("state")).isEqualTo("interrupted");
            assertThat(operation.getString("failure")).contains("2026-01-02");
            assertThat(standby.query("SELECT pg_is_in_recovery()")).isEqualTo("t");
        }
    }

    @Test
    @Tag("full")
    void seesThatARestartedServerHasForgottenIt() throws Exception {
        aDeadPrimaryAndItsStandby();
        String id = orderAndDie("promote:irrevocable");
        standby.restart();
        try (AgentProcess anew = agent(Map.of())) {
            JsonObject operation = anew.awaitEnd(id);
            assertThat(operation.getString("state")).isEqualTo("interrupted");
            assertThat(operation.getString("failure")).contains("restarted before it had promoted");
        }
    }

    @Test
    @Tag("full")
    void goesOnWhenTheServerIsBackLaterThanTheAgent() throws Exception {
        aDeadPrimaryAndItsStandby();
        String id = orderAndDie("promote/leave-recovery:after");
        standby.kill();
        try (AgentProcess anew = agent(Map.of())) {
            assertThat(anew.look("/v1/operations/" + id).getString("state")).isEqualTo("running");
            standby.start();
            assertThat(anew.awaitEnd(id).getString("state")).isEqualTo("succeeded");
            assertPrimary(anew);
        }
    }

    @Test
    @Tag("full")
    void endsItsStepWhenToldToStop() throws Exception {
        aDeadPrimaryAndItsStandby();
        String id;
        try (AgentProcess agent = agent(Map.of())) {
            agent.await200("/health");
            id = new JsonObject(agent.order("/v1/promote", ORDER).body()).getString("id");
            agent.process().destroy();
            assertThat(agent.process().waitFor(20, TimeUnit.SECONDS)).isTrue();
        }
        try (AgentProcess anew = agent(Map.of())) {
            assertThat(anew.awaitEnd(id).getString("state")).isEqualTo("succeeded");
            assertPrimary(anew);
        }
    }

    @Test
    @Tag("full")
    void goesOnWithTheJournalOfAnOlderAgent() throws Exception {
        aDeadPrimaryAndItsStandby();
        Path journal = Files.createDirectories(folder.resolve("state/operations"));
        Files.writeString(journal.resolve("promote-old.json"), """
                {"id": "promote-old", "kind": "promote", "state": "running", "ordered": "%s",
                 "request": {"deadPrimary": "pg-0"}, "waive": ["peers-answer", "synchronous"], "steps": [
                   {"name": "make-slots", "state": "done", "began": "2026-01-02T03:04:05Z"}],
                 "aFieldOfLater": {"x": 1}}
                """.formatted(Instant.now()));
        Files.writeString(journal.resolve("promote-torn.json"), "{\"id\": \"promote-to");
        Files.writeString(journal.resolve("unknown.json"), """
                {"id": "unknown", "kind": "dance", "state": "running", "ordered": "2026-01-02T03:04:04Z"}
                """);
        try (AgentProcess agent = agent(Map.of())) {
            assertThat(agent.awaitEnd("promote-old").getString("state")).isEqualTo("succeeded");
            assertThat(agent.look("/v1/operations/unknown").getString("state")).isEqualTo("interrupted");
            assertThat(agent.log()).contains("promote-torn.json makes no sense");
            assertPrimary(agent);
        }
    }

    private void aDeadPrimaryAndItsStandby() {
        cluster = Cluster.on(17);
        commandPort = cluster.freePort();
        Postgres primary = cluster.primary("pg-0");
        Psql.install(primary);
        standby = cluster.standby("pg-1", primary);
        standby.hba("host pgsidecar pgsidecar 127.0.0.1/32 trust");
        cluster.awaitReplay(primary, standby);
        primary.kill();
        await().until(() ->
                standby.query("SELECT count(*) FROM pg_stat_wal_receiver").equals("0"));
    }

    @AfterEach
    void close() {
        cluster.close();
    }

    private AgentProcess agent(Map<String, String> more) {
        Map<String, String> environment = new java.util.HashMap<>(Map.of(
                "PGSIDECAR_POSTGRES_USER", "pgsidecar",
                "PGSIDECAR_POSTGRES_DATABASE", "pgsidecar"));
        environment.putAll(more);
        return AgentProcess.start(
                        cluster,
                        standby.port(),
                        commandPort,
                        environment,
                        "--state-dir",
                        folder.resolve("state").toString())
                .awaitAnswer();
    }

    /** Orders, and has the agent end at that point as kill -9 would end it. */
    private String orderAndDie(String point) throws Exception {
        try (AgentProcess agent = agent(Map.of("PGSIDECAR_TEST_HALT_AT", point))) {
            agent.await200("/health");
            try {
                agent.order("/v1/promote", ORDER);
            } catch (UncheckedIOException _) {
                // it may be gone before it has answered
            }
            assertThat(agent.process().waitFor(30, TimeUnit.SECONDS))
                    .as(agent.log())
                    .isTrue();
            assertThat(agent.process().exitValue()).as(agent.log()).isEqualTo(KILLED);
        }
        try (var journals = Files.list(folder.resolve("state/operations"))) {
            return journals.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".json"))
                    .findFirst()
                    .orElseThrow()
                    .replace(".json", "");
        }
    }

    private void assertPrimary(AgentProcess agent) {
        agent.await200("/primary");
        standby.sql("CREATE TABLE written AS SELECT 1");
        assertThat(standby.query("SELECT timeline_id FROM pg_control_checkpoint()"))
                .isEqualTo("2");
    }
}
