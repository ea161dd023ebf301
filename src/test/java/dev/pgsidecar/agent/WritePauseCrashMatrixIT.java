package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.bench.CrashMatrix;
import dev.pgsidecar.bench.LocalAgent;
import dev.pgsidecar.bench.Points;
import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Psql;
import dev.pgsidecar.cluster.Standby;
import dev.pgsidecar.operation.Operation;
import dev.pgsidecar.operation.Operation.State;
import dev.pgsidecar.operation.Refusal;
import dev.pgsidecar.operation.Step;
import dev.pgsidecar.postgres.PostgresException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * The agent, the server, or both end at each point of a pause, a hand-over, a resume, an adoption and the end of a lease.
 * What is left ends as it should: by the lease, or, once the hand-over is committed, by a request only; and every value is as
 * it was. A test that needs the end of a lease moves the record's expiry.
 */
class WritePauseCrashMatrixIT {

    private static final JsonObject PAUSE = new JsonObject().put("all", true).put("ttl", "1h");
    private static final JsonObject NOTHING = new JsonObject();

    /** One for all cases: each leaves everything as it was, or the next one gets another. */
    private static Cluster cluster;

    private static Postgres primary;
    private static Postgres standby;
    private static String before;

    @TempDir
    Path folder;

    private int cases;

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

    /** What a failed case leaves must not fail the next one. */
    @AfterEach
    void replaceServersUnlessAllIsAsItWas() {
        boolean asItWas = primary.isRunning()
                && Paused.settings(primary).equals(before)
                && active().equals("0")
                && standby.query("SELECT pg_is_wal_replay_paused()").equals("f");
        if (!asItWas) {
            stopServers();
            startServers();
        }
    }

    // --- The agent ends at each point --------------------------------------------------------------------------------

    @TestFactory
    Stream<DynamicTest> continuesARecordedPauseAndBeginsNone() throws Exception {
        CrashMatrix pause = recorded("pause", PAUSE, this::expire);
        return pause.cases(isolated(point -> {
            String id = dieIn(point, "pause", _ -> PAUSE);
            boolean recorded = isAfter(pause, point, "pause/record:before");
            assertThat(active()).isEqualTo(recorded ? "1" : "0");
            try (LocalAgent next = agent()) {
                assertState(next.awaitEnd(id), recorded ? State.SUCCEEDED : State.INTERRUPTED);
                if (recorded) {
                    assertHeld(next);
                    expire();
                }
                assertOpens(next);
            }
        }));
    }

    @TestFactory
    Stream<DynamicTest> endsAPauseWhoseLeaseRanOutMeanwhile() throws Exception {
        CrashMatrix pause = recorded("pause", PAUSE, this::expire);
        return pause.before().cases(isolated(point -> {
            String id = dieIn(point, "pause", _ -> PAUSE);
            expire();
            try (LocalAgent next = agent()) {
                boolean recorded = isAfter(pause, point, "pause/record:before");
                assertThat(next.awaitEnd(id).state())
                        .isIn(recorded ? List.of(State.SUCCEEDED, State.FAILED) : List.of(State.INTERRUPTED));
                assertOpens(next);
            }
        }));
    }

    @TestFactory
    Stream<DynamicTest> continuesAResume() throws Exception {
        pause(PAUSE);
        return recorded("resume", NOTHING, () -> {}).cases(isolated(point -> {
            String id = dieIn(point, "resume", agent -> {
                pause(agent, PAUSE);
                return NOTHING;
            });
            try (LocalAgent next = agent()) {
                assertState(next.awaitEnd(id), State.SUCCEEDED);
                assertOpens(next);
            }
        }));
    }

    @TestFactory
    Stream<DynamicTest> handsOverOrEndsByTheLease() throws Exception {
        awaitStandby();
        long generation = pause(PAUSE.copy().put("waitForStandbys", new JsonArray().add("pg-1")));
        CrashMatrix commit = recorded("commit", commit(generation), this::takeBack);
        return commit.cases(isolated(point -> {
            awaitStandby();
            String id = dieIn(
                    point,
                    "commit",
                    agent -> commit(pause(agent, PAUSE.copy().put("waitForStandbys", new JsonArray().add("pg-1")))));
            boolean committed = committed();
            assertThat(committed).isEqualTo(isAfter(commit, point, "commit:irrevocable"));
            try (LocalAgent next = agent()) {
                assertState(next.awaitEnd(id), committed ? State.SUCCEEDED : State.INTERRUPTED);
                expire();
                if (committed) {
                    next.awaitJudgements(2);
                    assertThat(state(next)).as("no lease ends it").isEqualTo("handed-over");
                    assertThat(standby.queryIn(
                                    "pgsidecar", "SELECT committed_to FROM pgsidecar.write_pause WHERE ended IS NULL"))
                            .isEqualTo("pg-1");
                    Refusal refusal = catchThrowableOfType(Refusal.class, () -> next.order("resume", NOTHING));
                    assertThat(refusal.kind()).isEqualTo(Refusal.Kind.CHECKS);
                    assertState(next.carryOut("resume", NOTHING, "peers-are-replicas"), State.SUCCEEDED);
                }
                assertOpens(next);
            }
        }));
    }

    /** A pause that came here with replication, as the server has it after somebody has promoted it. */
    @TestFactory
    Stream<DynamicTest> continuesAnAdoption() throws Exception {
        CrashMatrix adoption;
        try (LocalAgent agent = agent()) {
            pause(agent, PAUSE);
            inherit();
            adoption = CrashMatrix.of(agent, awaitAdoption(agent));
            assertOpens(agent);
        }
        return adoption.cases(isolated(point -> {
            pause(PAUSE);
            try (LocalAgent agent = agent(Points.killAt(point))) {
                inherit();
                agent.awaitDeath();
            }
            try (LocalAgent next = agent()) {
                assertState(awaitAdoption(next), State.SUCCEEDED);
                assertOpens(next);
            }
        }));
    }

    @TestFactory
    Stream<DynamicTest> endsWhereTheAgentEndsAroundTheExpiry() throws Exception {
        CrashMatrix expiry;
        try (LocalAgent agent = agent()) {
            pause(agent, PAUSE);
            expire();
            assertOpens(agent);
            expiry = CrashMatrix.ofLoop("expire", agent);
        }
        return expiry.cases(isolated(point -> {
            try (LocalAgent agent = agent(Points.killAt(point))) {
                pause(agent, PAUSE);
                expire();
                agent.awaitDeath();
            }
            try (LocalAgent next = agent()) {
                assertOpens(next);
            }
        }));
    }

    // --- The server ends, too, or alone ------------------------------------------------------------------------------

    @TestFactory
    Stream<DynamicTest> endsByTheLeaseWhereBothEndInAPause() throws Exception {
        return recorded("pause", PAUSE, this::expire).before().cases(isolated(point -> {
            String id = dieIn(point, "pause", _ -> PAUSE);
            primary.kill();
            try (LocalAgent next = agent()) {
                next.awaitObservations(1);
                primary.start();
                next.awaitEnd(id);
                expire();
                assertOpens(next);
            }
        }));
    }

    @TestFactory
    Stream<DynamicTest> endsWhereTheServerEndsInAPause() throws Exception {
        return recorded("pause", PAUSE, this::expire).before().cases(isolated(point -> {
            CountDownLatch ended = new CountDownLatch(1);
            try (LocalAgent agent = agent(Points.recorded().doAt(point, () -> kill(primary, ended)))) {
                String id = agent.awaitProbe("/primary", 200, "ok")
                        .order("pause", PAUSE)
                        .id();
                ended.await();
                primary.start();
                Operation pause = agent.awaitEnd(id);
                assertThat(pause.state())
                        .as("it was done by then, or it failed: %s", pause.json())
                        .isIn(State.SUCCEEDED, State.FAILED);
                if (pause.state() == State.SUCCEEDED) {
                    expire();
                }
                assertOpens(agent);
            }
        }));
    }

    @TestFactory
    Stream<DynamicTest> endsWhereTheServerEndsInAResume() throws Exception {
        pause(PAUSE);
        return recorded("resume", NOTHING, () -> {}).before().cases(isolated(point -> {
            CountDownLatch ended = new CountDownLatch(1);
            try (LocalAgent agent = agent(Points.recorded().doAt(point, () -> kill(primary, ended)))) {
                pause(agent, PAUSE);
                String id = agent.order("resume", NOTHING).id();
                ended.await();
                primary.start();
                agent.awaitEnd(id);
                expire();
                assertOpens(agent);
            }
        }));
    }

    @Test
    void holdsOnAfterTheServersEnd() throws Exception {
        try (LocalAgent agent = agent()) {
            pause(agent, PAUSE);
            primary.kill();
            primary.start();
            assertThatThrownBy(() -> Paused.write(primary)).hasMessageContaining("too many connections");
            assertHeld(agent);
            expire();
            assertOpens(agent);
        }
    }

    // --- Leases, and what else may come between ----------------------------------------------------------------------

    @Test
    void endsWhereTheAgentEndsDuringARenewal() throws Exception {
        try (LocalAgent agent = agent()) {
            long generation = pause(agent, PAUSE);
            AtomicInteger renewals = new AtomicInteger();
            Thread renews = Thread.ofVirtual().start(() -> {
                try {
                    while (true) {
                        agent.renew(generation, "1h");
                        renewals.incrementAndGet();
                    }
                } catch (PostgresException e) {
                    // the agent has ended
                } catch (Refusal | InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });
            await().until(() -> renewals.get() >= 20);
            agent.kill();
            renews.join();
        }
        expire();
        try (LocalAgent next = agent()) {
            assertOpens(next);
        }
    }

    /** As if the clock of the server's host had been set forward, and then that of the agent's. */
    @Test
    void believesNoClockAlone() throws Exception {
        try (LocalAgent agent = agent()) {
            long generation = pause(agent, PAUSE);
            agent.clock().stop();
            expire();
            await().until(() -> agent.writes().getDouble("leaseSecondsLeft") <= 0);
            agent.awaitJudgements(2);
            assertThat(state(agent)).as("by the server's clock alone").isEqualTo("paused");
            agent.renew(generation, "1h");
            agent.clock().go(Duration.ofHours(2));
            agent.awaitJudgements(2);
            assertThat(state(agent)).as("by the agent's clock alone").isEqualTo("paused");
            expire();
            assertOpens(agent);
        }
    }

    @Test
    void waitsWithTheAgentAway() throws Exception {
        try (LocalAgent agent = agent()) {
            pause(agent, PAUSE);
            agent.kill();
        }
        expire();
        assertThatThrownBy(() -> Paused.write(primary))
                .as("only its holder ends a lease")
                .hasMessageContaining("too many connections");
        try (LocalAgent next = agent()) {
            assertOpens(next);
        }
    }

    @Test
    void needsNoStateFolder() throws Exception {
        try (LocalAgent agent = agent()) {
            pause(agent, PAUSE);
            agent.kill();
        }
        deleteState();
        try (LocalAgent next = agent()) {
            assertHeld(next);
            assertThatThrownBy(() -> Paused.write(primary)).hasMessageContaining("too many connections");
            expire();
            assertOpens(next);
        }
    }

    @Test
    void changesNothingWhenItIsStopped() throws Exception {
        pause(PAUSE);
        assertThatThrownBy(() -> Paused.write(primary)).hasMessageContaining("too many connections");
        try (LocalAgent next = agent()) {
            assertHeld(next);
            expire();
            assertOpens(next);
        }
    }

    @Test
    void undoesAPauseThatIsCancelled() throws Exception {
        awaitStandby();
        try (LocalAgent agent = agent()) {
            agent.awaitProbe("/primary", 200, "ok");
            standby.sql("SELECT pg_wal_replay_pause()"); // it never has everything
            Operation pause = agent.order("pause", PAUSE.copy().put("waitForStandbys", new JsonArray().add("pg-1")));
            await().until(() -> agent.engine()
                    .find(pause.id())
                    .flatMap(running -> running.step("standbys"))
                    .map(Step::state)
                    .equals(Optional.of(Step.State.RUNNING)));
            Refusal refusal = catchThrowableOfType(Refusal.class, () -> agent.order("resume", NOTHING));
            assertThat(refusal.kind()).as("one at a time").isEqualTo(Refusal.Kind.BUSY);
            agent.engine().cancel(pause);
            assertState(agent.awaitEnd(pause.id()), State.CANCELLED);
            assertOpens(agent);
        } finally {
            standby.sql("SELECT pg_wal_replay_resume()");
        }
    }

    // --- What they have in common ------------------------------------------------------------------------------------

    private interface Preparation {
        JsonObject by(LocalAgent agent) throws Exception;
    }

    private LocalAgent agent() {
        return agent(Points.recorded());
    }

    private LocalAgent agent(Points points) {
        return LocalAgent.start(
                primary,
                state(),
                Map.of("PGSIDECAR_POSTGRES_USER", "pgsidecar", "PGSIDECAR_POSTGRES_DATABASE", "pgsidecar"),
                points);
    }

    private Path state() {
        return folder.resolve("state-" + cases);
    }

    /** The points of an operation that succeeds, and then everything is put back. */
    private CrashMatrix recorded(String kind, JsonObject request, Runnable putBack) throws Exception {
        try (LocalAgent agent = agent()) {
            agent.awaitProbe("/health", 200, "ok");
            Operation operation = agent.carryOut(kind, request);
            assertState(operation, State.SUCCEEDED);
            putBack.run();
            assertOpens(agent);
            return CrashMatrix.of(agent, operation);
        }
    }

    /** A case with a state folder of its own, and with servers that a failed one has not touched. */
    private CrashMatrix.Case isolated(CrashMatrix.Case one) {
        return point -> {
            cases++;
            try {
                one.at(point);
            } finally {
                replaceServersUnlessAllIsAsItWas();
            }
        };
    }

    /** Requests what a preparation has led to at an agent that ends at this point; the operation's name. */
    private String dieIn(String point, String kind, Preparation preparation) throws Exception {
        try (LocalAgent agent = agent(Points.killAt(point))) {
            agent.awaitProbe("/health", 200, "ok");
            return agent.dieIn(kind, preparation.by(agent));
        }
    }

    /** Pauses, and stops the agent; the generation. */
    private long pause(JsonObject request) throws Exception {
        try (LocalAgent agent = agent()) {
            return pause(agent, request);
        }
    }

    private static long pause(LocalAgent agent, JsonObject request) throws Exception {
        Operation pause = agent.awaitProbe("/primary", 200, "ok").carryOut("pause", request);
        assertState(pause, State.SUCCEEDED);
        return pause.result().getLong("generation");
    }

    private static JsonObject commit(long generation) {
        return new JsonObject().put("generation", generation).put("target", "pg-1");
    }

    /** A committed hand-over ends by a request only. */
    private void takeBack() {
        try (LocalAgent agent = agent()) {
            agent.awaitProbe("/primary", 503, "writes-paused");
            assertState(agent.carryOut("resume", NOTHING, "peers-are-replicas"), State.SUCCEEDED);
        } catch (Refusal | PostgresException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void kill(Postgres server, CountDownLatch ended) {
        server.kill();
        ended.countDown();
    }

    /** The lease of the pause, if there is one, has run out. */
    private void expire() {
        primary.sqlIn("pgsidecar", "UPDATE pgsidecar.write_pause SET expires = clock_timestamp() WHERE ended IS NULL");
    }

    private static void inherit() {
        primary.sqlIn(
                "pgsidecar",
                "UPDATE pgsidecar.write_pause SET node = 'pg-old', timeline = timeline - 1 WHERE ended IS NULL");
    }

    private static Operation awaitAdoption(LocalAgent agent) throws InterruptedException {
        await().until(() -> adoption(agent).isPresent());
        return agent.awaitEnd(adoption(agent).orElseThrow().id());
    }

    private static Optional<Operation> adoption(LocalAgent agent) {
        return agent.engine().newestFirst().stream()
                .filter(operation -> operation.kind().equals("adopt"))
                .findFirst();
    }

    private static boolean isAfter(CrashMatrix matrix, String point, String other) {
        return matrix.points().indexOf(point) > matrix.points().indexOf(other);
    }

    private static String active() {
        return primary.queryIn("pgsidecar", "SELECT count(*) FROM pgsidecar.write_pause WHERE ended IS NULL");
    }

    private static boolean committed() {
        return primary.queryIn(
                        "pgsidecar", "SELECT committed IS NOT NULL FROM pgsidecar.write_pause WHERE ended IS NULL")
                .equals("t");
    }

    private static void awaitStandby() {
        await("pg-1 streams").atMost(Duration.ofSeconds(60)).until(() -> primary.query(
                        "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")
                .equals("1"));
    }

    private static String state(LocalAgent agent) {
        return agent.writes().getString("state", "unknown");
    }

    private static void assertState(Operation operation, State state) {
        assertThat(operation.state()).as(operation.json().encodePrettily()).isEqualTo(state);
    }

    private static void assertHeld(LocalAgent agent) {
        agent.awaitProbe("/primary", 503, "writes-paused");
    }

    /** Everything is as it was, and the application writes. */
    private static void assertOpens(LocalAgent agent) throws SQLException {
        await("open").atMost(Duration.ofSeconds(60)).untilAsserted(() -> assertThat(state(agent))
                .isEqualTo("open"));
        assertThat(Paused.settings(primary)).isEqualTo(before);
        Paused.write(primary);
        agent.awaitProbe("/primary", 200, "ok");
        assertThat(active()).isEqualTo("0");
    }

    private void deleteState() throws IOException {
        try (Stream<Path> files = Files.walk(state())) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
