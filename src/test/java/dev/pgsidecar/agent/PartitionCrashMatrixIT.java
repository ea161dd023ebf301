package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.bench.CrashMatrix;
import dev.pgsidecar.bench.LocalAgent;
import dev.pgsidecar.bench.Points;
import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Partitioned;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Psql;
import dev.pgsidecar.operation.Operation;
import dev.pgsidecar.operation.Operation.State;
import io.vertx.core.json.JsonObject;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** The agent ends at each point of a maintenance and of a rescue: its next start continues, and every row is there once. */
class PartitionCrashMatrixIT {

    private static final String SET = "public.items";
    private static final JsonObject MAINTENANCE = new JsonObject();
    private static final JsonObject RESCUE =
            new JsonObject().put("database", "app").put("set", SET);

    /** One for all cases: each creates a new partition set. */
    private static Cluster cluster;

    private static Postgres server;
    private static Partitioned app;

    @TempDir
    Path folder;

    private int cases;

    @BeforeAll
    static void startServer() {
        cluster = Cluster.on(17);
        server = cluster.primary("pg-0");
        Psql.install(server);
        server.hba("host pgsidecar,app pgsidecar 127.0.0.1/32 trust");
        server.hba("host app app 127.0.0.1/32 trust");
        app = Partitioned.on(server);
    }

    @AfterAll
    static void stopServer() {
        cluster.close();
    }

    @BeforeEach
    void makeSet() {
        cases++;
        app.sql("DROP TABLE IF EXISTS items", "DELETE FROM partman.part_config");
        app.byNumber(SET).grant();
    }

    @TestFactory
    Stream<DynamicTest> continuesAMaintenance() throws Exception {
        return cases("maintenance", MAINTENANCE, "INSERT INTO items VALUES (49999)", 5 + 4);
    }

    @TestFactory
    Stream<DynamicTest> continuesARescue() throws Exception {
        String rows = "INSERT INTO items SELECT 49999 + g * 10000 FROM generate_series(0, 5) AS g";
        return cases("rescue", RESCUE, rows, 5 + 5 + 4);
    }

    private Stream<DynamicTest> cases(String kind, JsonObject request, String rows, int partitions) throws Exception {
        app.sql(rows);
        try (LocalAgent agent = ready(Points.recorded())) {
            Operation operation = agent.carryOut(kind, request);
            assertDone(operation, partitions);
            return CrashMatrix.of(agent, operation).cases(point -> {
                makeSet();
                app.sql(rows);
                String id;
                try (LocalAgent dying = ready(Points.killAt(point))) {
                    id = dying.dieIn(kind, request);
                }
                try (LocalAgent next = agent(Points.recorded(), "0s")) {
                    assertDone(next.awaitEnd(id), partitions);
                }
            });
        }
    }

    private static void assertDone(Operation operation, int partitions) {
        assertThat(operation.state()).as(operation.json().encodePrettily()).isEqualTo(State.SUCCEEDED);
        assertThat(app.inDefault(SET)).isZero();
        assertThat(app.partitions(SET)).isEqualTo(partitions);
    }

    /** The agent ends between two transactions of a rescue, and so does the server once: clients see each row once. */
    @Test
    void losesNoRowWhileItRescues() throws Exception {
        app.sql("INSERT INTO items SELECT g FROM generate_series(1, 500000, 200) AS g");
        int rows = Integer.parseInt(app.query("SELECT count(*) FROM items"));
        AtomicBoolean over = new AtomicBoolean();
        AtomicReference<String> wrong = new AtomicReference<>();
        AtomicInteger looks = new AtomicInteger();
        Thread client = Thread.ofVirtual().start(() -> watch(rows, over, wrong, looks));
        String id = null;
        for (int kill = 0; kill < 4; kill++) {
            int before = app.inDefault(SET);
            int seen = looks.get();
            CountDownLatch watched = new CountDownLatch(1);
            Points points = Points.recorded().doAt("rescue/move:before", () -> pass(watched));
            try (LocalAgent agent = agent(points, "1m")) {
                agent.killWhen(_ -> app.inDefault(SET) < before && waits(() -> looks.get() > seen));
                watched.countDown();
                id = kill > 0
                        ? id
                        : agent.awaitProbe("/primary", 200, "ok")
                                .order("rescue", RESCUE)
                                .id();
                agent.awaitDeath();
            }
            if (kill == 2) {
                server.kill();
                server.start();
            }
        }
        assertThat(app.inDefault(SET)).as("rows that the last agent moves").isPositive();
        try (LocalAgent last = agent(Points.recorded(), "1m")) {
            Operation rescue = last.awaitEnd(id);
            assertThat(rescue.state()).as(rescue.json().encodePrettily()).isEqualTo(State.SUCCEEDED);
            assertThat(rescue.result().getInteger("partitions")).isPositive();
        }
        over.set(true);
        client.join();
        assertThat(wrong.get()).isNull();
        assertThat(looks).hasValueGreaterThan(4);
        assertThat(app.inDefault(SET)).isZero();
        assertThat(app.query("SELECT count(*) || ' ' || count(DISTINCT id) FROM items"))
                .isEqualTo(rows + " " + rows);
    }

    private static void pass(CountDownLatch gate) {
        try {
            gate.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static boolean waits(Callable<Boolean> until) {
        await("the client looks").atMost(Duration.ofSeconds(60)).until(until);
        return true;
    }

    private static void watch(int rows, AtomicBoolean over, AtomicReference<String> wrong, AtomicInteger looks) {
        while (!over.get()) {
            try (Connection client = server.connect("app", "app", "");
                    Statement statement = client.createStatement()) {
                while (!over.get()) {
                    try (ResultSet row = statement.executeQuery("SELECT count(*), count(DISTINCT id) FROM items")) {
                        row.next();
                        looks.incrementAndGet();
                        if (row.getInt(1) != rows || row.getInt(2) != rows) {
                            wrong.set("%d rows, %d different".formatted(row.getInt(1), row.getInt(2)));
                        }
                    }
                }
            } catch (SQLException e) {
                // the server was killed; the next connection looks again
            }
        }
    }

    private LocalAgent ready(Points points) {
        return agent(points, "0s").awaitProbe("/primary", 200, "ok");
    }

    private LocalAgent agent(Points points, String retryFor) {
        Map<String, String> environment = new HashMap<>(Map.of(
                "PGSIDECAR_POSTGRES_USER", "pgsidecar",
                "PGSIDECAR_POSTGRES_DATABASE", "pgsidecar",
                "PGSIDECAR_PARTITION_DATABASES", "app",
                "PGSIDECAR_PARTITION_SCHEDULE", Caretaken.NEVER,
                "PGSIDECAR_PARTITION_JITTER", "0s",
                "PGSIDECAR_PARTITION_LOCK_TIMEOUT", "500ms",
                "PGSIDECAR_PARTITION_RETRY_FOR", retryFor,
                "PGSIDECAR_OBSERVE_SIZES_EVERY", "1s"));
        return LocalAgent.start(server, folder.resolve("state-" + cases), environment, points);
    }
}
