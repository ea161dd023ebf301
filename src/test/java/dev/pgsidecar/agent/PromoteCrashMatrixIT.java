package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.bench.CrashMatrix;
import dev.pgsidecar.bench.LocalAgent;
import dev.pgsidecar.bench.LogLines;
import dev.pgsidecar.bench.Points;
import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Psql;
import dev.pgsidecar.operation.Operation;
import dev.pgsidecar.operation.Operation.State;
import io.vertx.core.json.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** The agent ends at each point of a promote: its next start continues the promote, or says what is true. */
class PromoteCrashMatrixIT {

    private static final JsonObject REQUEST = new JsonObject().put("deadPrimary", "pg-0");
    private static final String[] WAIVERS = {"peers-answer", "synchronous"};

    private static Cluster cluster;

    /** A standby that is down and whose primary is dead: each case has a copy of it. */
    private static Postgres prepared;

    private static int copies;

    @TempDir
    Path folder;

    private Postgres standby;
    private Path state;

    @BeforeAll
    static void prepare() {
        cluster = Cluster.on(17);
        Postgres primary = cluster.primary("pg-0");
        Psql.install(primary);
        prepared = cluster.standby("pg-1", primary);
        prepared.hba("host pgsidecar pgsidecar 127.0.0.1/32 trust");
        cluster.awaitReplay(primary, prepared);
        primary.kill();
        prepared.stop();
    }

    @AfterAll
    static void close() {
        cluster.close();
    }

    @BeforeEach
    void startStandby() {
        if (standby != null) {
            cluster.remove(standby);
        }
        standby = cluster.copy("copy-" + ++copies, prepared);
        state = folder.resolve("state-" + copies);
    }

    @TestFactory
    Stream<DynamicTest> continues() throws Exception {
        try (LocalAgent agent = ready(Points.recorded())) {
            Operation promote = agent.carryOut("promote", REQUEST, WAIVERS);
            assertPromoted(agent, promote);
            return CrashMatrix.of(agent, promote).cases(point -> {
                startStandby();
                String id = dieAt(point);
                try (LocalAgent next = agent(Points.recorded())) {
                    assertPromoted(next, next.awaitEnd(id));
                }
            });
        }
    }

    @Test
    void judgesAgainBeforeItContinues() throws Exception {
        String id = dieAt("promote:irrevocable");
        standby.sql("ALTER SYSTEM SET recovery_min_apply_delay = '1h'", "SELECT pg_reload_conf()");
        Operation promote = nextEndOf(id);
        assertState(promote, State.INTERRUPTED);
        assertThat(promote.failure()).hasValueSatisfying(why -> assertThat(why).contains("apply-delay"));
        assertThat(standby.query("SELECT pg_is_in_recovery()")).isEqualTo("t");
    }

    @Test
    void judgesAgainWhatHadNotActed() throws Exception {
        String id = dieAt("promote/promote:before");
        standby.sql("ALTER SYSTEM SET recovery_min_apply_delay = '1h'", "SELECT pg_reload_conf()");
        Operation promote = nextEndOf(id);
        assertState(promote, State.FAILED);
        assertThat(promote.failure()).hasValueSatisfying(why -> assertThat(why).startsWith("apply-delay: found 3600s"));
    }

    @Test
    void doesNotActOnAnOrderOfLongAgo() throws Exception {
        String id = dieAt("promote:ordered");
        Path journal = state.resolve("operations").resolve(id + ".json");
        JsonObject aged = new JsonObject(Files.readString(journal)).put("ordered", "2026-01-02T03:04:05Z");
        Files.writeString(journal, aged.encode());
        Operation promote = nextEndOf(id);
        assertState(promote, State.INTERRUPTED);
        assertThat(promote.failure()).hasValueSatisfying(why -> assertThat(why).contains("2026-01-02"));
        assertThat(standby.query("SELECT pg_is_in_recovery()")).isEqualTo("t");
    }

    @Test
    void seesThatARestartedServerHasForgottenIt() throws Exception {
        String id = dieAt("promote:irrevocable");
        standby.restart();
        Operation promote = nextEndOf(id);
        assertState(promote, State.INTERRUPTED);
        assertThat(promote.failure())
                .hasValueSatisfying(why -> assertThat(why).contains("restarted before it had promoted"));
    }

    @Test
    void continuesWhenTheServerIsBackLaterThanTheAgent() throws Exception {
        String id = dieAt("promote/leave-recovery:after");
        standby.kill();
        try (LocalAgent next = agent(Points.recorded())) {
            next.awaitObservations(2);
            assertThat(next.engine().find(id)).hasValueSatisfying(promote -> assertState(promote, State.RUNNING));
            standby.start();
            assertPromoted(next, next.awaitEnd(id));
        }
    }

    @Test
    void endsItsStepWhenItIsStopped() throws Exception {
        String id;
        LocalAgent[] stopped = {null};
        Points points = Points.recorded().doAt("promote/promote:before", () -> {
            Thread.ofVirtual().start(stopped[0]::stop);
            stopped[0].awaitStopping();
        });
        try (LocalAgent agent = ready(points)) {
            stopped[0] = agent;
            id = agent.order("promote", REQUEST, WAIVERS).id();
            await().atMost(Duration.ofSeconds(30)).until(agent::hasStopped);
            assertThat(points.reached()).endsWith("promote:irrevocable", "promote/promote:after");
            assertThat(agent.engine().find(id)).hasValueSatisfying(promote -> assertState(promote, State.RUNNING));
        }
        try (LocalAgent next = agent(Points.recorded())) {
            assertPromoted(next, next.awaitEnd(id));
        }
    }

    @Test
    void continuesWithTheJournalOfAnOlderAgent() throws Exception {
        Path journal = Files.createDirectories(state.resolve("operations"));
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
        try (LogLines log = LogLines.of("dev.pgsidecar.operation.Journal");
                LocalAgent agent = agent(Points.recorded())) {
            assertPromoted(agent, agent.awaitEnd("promote-old"));
            assertState(agent.awaitEnd("unknown"), State.INTERRUPTED);
            assertThat(log.lines()).anyMatch(line -> line.contains("promote-torn.json makes no sense"));
        }
    }

    private LocalAgent agent(Points points) {
        return LocalAgent.start(
                standby,
                state,
                Map.of("PGSIDECAR_POSTGRES_USER", "pgsidecar", "PGSIDECAR_POSTGRES_DATABASE", "pgsidecar"),
                points);
    }

    private LocalAgent ready(Points points) {
        return agent(points).awaitProbe("/health", 200, "ok");
    }

    /** Orders a promote at an agent that ends at this point; the operation's name. */
    private String dieAt(String point) throws Exception {
        try (LocalAgent agent = ready(Points.killAt(point))) {
            return agent.dieIn("promote", REQUEST, WAIVERS);
        }
    }

    /** How the next agent ends it. */
    private Operation nextEndOf(String id) throws Exception {
        try (LocalAgent next = agent(Points.recorded())) {
            return next.awaitEnd(id);
        }
    }

    private static void assertState(Operation operation, State state) {
        assertThat(operation.state()).as(operation.json().encodePrettily()).isEqualTo(state);
    }

    private void assertPromoted(LocalAgent agent, Operation promote) {
        assertState(promote, State.SUCCEEDED);
        agent.awaitProbe("/primary", 200, "ok");
        standby.sql("CREATE TABLE written AS SELECT 1");
        assertThat(standby.query("SELECT timeline_id FROM pg_control_checkpoint()"))
                .isEqualTo("2");
        assertThat(promote.result().getInteger("timeline")).isEqualTo(2);
    }
}
