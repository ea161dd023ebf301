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
import dev.pgsidecar.cluster.Standby;
import dev.pgsidecar.operation.Operation;
import dev.pgsidecar.operation.Operation.State;
import io.vertx.core.json.JsonObject;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** One conversion, and its revert, through the end of the agent at each point: nothing is lost, and it goes on. */
class ConversionCrashMatrixIT {

    private static Cluster cluster;
    private static Postgres server;
    private static Partitioned app;

    @TempDir
    Path folder;

    @BeforeAll
    static void startServer() {
        cluster = Cluster.on(17);
        server = primary(cluster);
        app = Partitioned.on(server);
    }

    private static Postgres primary(Cluster cluster) {
        Postgres primary = cluster.primary("pg-0");
        Psql.install(primary);
        primary.hba("host pgsidecar,app pgsidecar 127.0.0.1/32 trust");
        primary.hba("host app app 127.0.0.1/32 trust");
        return primary;
    }

    @AfterAll
    static void stopServer() {
        cluster.close();
    }

    private static JsonObject request(String table) {
        JsonObject request = ConversionIT.byDay(table);
        request.remove("waive");
        return request;
    }

    /** The table that {@link Clients} expect. */
    private static void makeTable(Partitioned app, String table, int rows) {
        app.asApp(
                        "CREATE TABLE %s (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), amount numeric, note text)"
                                .formatted(table),
                        "INSERT INTO %s (at, amount, note) SELECT now() - g %% 30 * interval '1 day', g, 'order ' || g FROM generate_series(1, %d) AS g"
                                .formatted(table, rows))
                .asApp(Clients.again(table))
                .grantFor("public." + table);
    }

    private static Operation convert(LocalAgent agent, String table) throws Exception {
        return agent.awaitProbe("/primary", 200, "ok").order("conversion", request(table), "unique:" + table + "_pkey");
    }

    private static String content() {
        return app.query("SELECT md5(string_agg(o::text, '' ORDER BY id)) FROM steps AS o");
    }

    private static String phase(String table) {
        return "SELECT phase FROM pgsidecar_conversion.pgsidecar_conversion WHERE spec ->> 'table' = 'public.%s'"
                .formatted(table);
    }

    private static String kindOfTable() {
        return app.query("SELECT relkind FROM pg_class WHERE oid = 'steps'::regclass");
    }

    @TestFactory
    Stream<DynamicTest> continuesAtEachStep() throws Exception {
        makeTable(app, "steps", 1_000);
        String before = content();
        CrashMatrix conversion;
        CrashMatrix revert;
        try (LocalAgent agent = agent("recorded", Points.recorded())) {
            Operation converted = agent.awaitEnd(convert(agent, "steps").id());
            assertState(converted, State.SUCCEEDED);
            conversion = CrashMatrix.of(agent, converted);
            Operation reverted = agent.carryOut("conversion-revert", named(converted));
            assertState(reverted, State.SUCCEEDED);
            revert = CrashMatrix.of(agent, reverted);
        }
        assertThat(content()).isEqualTo(before);
        return Stream.of(
                        continues("conversion", conversion, before),
                        Stream.of(DynamicTest.dynamicTest("clients use the set", () -> {
                            Operation converted = endOf("conversion");
                            assertState(converted, State.SUCCEEDED);
                            assertThat(content()).isEqualTo(before);
                            assertThat(app.query(phase("steps"))).isEqualTo("converted");
                            assertThat(kindOfTable()).isEqualTo("p");
                        })),
                        continues("conversion-revert", revert, before),
                        Stream.of(DynamicTest.dynamicTest("clients use the old table", () -> {
                            assertState(endOf("conversion-revert"), State.SUCCEEDED);
                            assertThat(content()).isEqualTo(before);
                            assertThat(kindOfTable()).isEqualTo("r");
                        })))
                .flatMap(cases -> cases);
    }

    /** One operation, whose agent ends at one point after the other. */
    private Stream<DynamicTest> continues(String kind, CrashMatrix points, String before) {
        return points.cases(point -> {
            try (LocalAgent agent = agent("chain", Points.killAt(point))) {
                if (point.endsWith(":ordered")) {
                    agent.awaitProbe("/primary", 200, "ok");
                    if (kind.equals("conversion")) {
                        agent.dieIn(kind, request("steps"), "unique:steps_pkey");
                    } else {
                        agent.dieIn(kind, named(newest(agent, "conversion")));
                    }
                } else {
                    agent.awaitDeath();
                }
            }
            assertThat(content()).isEqualTo(before);
        });
    }

    private Operation endOf(String kind) throws InterruptedException {
        try (LocalAgent agent = agent("chain", Points.recorded())) {
            return agent.awaitEnd(newest(agent, kind).id());
        }
    }

    private static Operation newest(LocalAgent agent, String kind) {
        return agent.engine().newestFirst().stream()
                .filter(operation -> operation.kind().equals(kind))
                .findFirst()
                .orElseThrow();
    }

    private static JsonObject named(Operation converted) {
        return new JsonObject().put("conversion", converted.result().getString("conversion"));
    }

    /**
     * Clients write all the time; the agent ends four times, and twice the server with it. Beside REPEATABLE READ clients the copy
     * may wait for minutes on a busy machine, so no time limit of make test-all fits.
     */
    @Test
    @Tag("soak")
    void losesNothingWhileClientsWrite() throws Exception {
        makeTable(app, "busy", 3_000);
        List<String> points = List.of(
                "conversion/create:after",
                "conversion/copy:before",
                "conversion/verify:after",
                "conversion/swap:after");
        try (Clients clients = Clients.on(server, "busy", true)) {
            clients.await(20);
            for (String point : points) {
                try (LocalAgent agent = agent("clients", Points.killAt(point))) {
                    if (point.equals(points.getFirst())) {
                        convert(agent, "busy");
                    }
                    agent.awaitDeath();
                }
                if (points.indexOf(point) % 2 == 1) {
                    server.kill();
                    server.start();
                }
                clients.await(20);
            }
            try (LocalAgent agent = agent("clients", Points.recorded())) {
                assertState(agent.awaitEnd(newest(agent, "conversion").id()), State.SUCCEEDED);
            }
            clients.await(30);
            clients.stop();
            assertThat(clients.failures()).isEmpty();
            assertThat(clients.wrong()).isEmpty();
        }
        assertThat(app.query(phase("busy"))).isEqualTo("converted");
        ConversionIT.assertSame(app, "busy", "pgsidecar_converted.busy");
        ConversionIT.assertSame(app, "pgsidecar_converted.busy", "busy");
    }

    /** A row that is locked keeps the copy from its end until the primary is gone. */
    @Test
    void continuesAfterAPromote() throws Exception {
        try (Cluster pair = Cluster.on(17)) {
            Postgres primary = primary(pair);
            Partitioned table = Partitioned.on(primary);
            makeTable(table, "moved", 5_000);
            Postgres standby = pair.standby("pg-1", primary, Standby.WITH_SLOT);
            Connection holder = primary.connect("app", "app", "");
            holder.setAutoCommit(false);
            Points points = Points.recorded().doAt("conversion/copy:before", () -> lockRow(holder));
            try (LocalAgent beside = LocalAgent.start(
                            standby, folder.resolve("beside"), environment("pg-1"), Points.recorded());
                    LocalAgent agent =
                            LocalAgent.start(primary, folder.resolve("moved"), environment("pg-0"), points)) {
                Operation conversion = convert(agent, "moved");
                await("the copy")
                        .atMost(Duration.ofSeconds(60))
                        .failFast(() ->
                                assertState(agent.engine().find(conversion.id()).orElseThrow(), State.RUNNING))
                        .until(() -> copied(table) > 0);
                pair.awaitReplay(primary, standby);
                agent.kill();
                primary.kill();
                standby.promote();
                await("the end").atMost(Duration.ofSeconds(60)).until(() -> standby.queryIn("app", phase("moved"))
                        .equals("converted"));
                assertThat(standby.queryIn("app", "SELECT count(*) || ' ' || count(DISTINCT id) FROM moved"))
                        .isEqualTo("5000 5000");
                assertThat(newest(beside, "conversion").order().by()).isEqualTo("pgsidecar");
            }
        }
    }

    private static int copied(Partitioned app) {
        return Integer.parseInt(
                app.query("SELECT coalesce(max(rows), 0) FROM pgsidecar_conversion.pgsidecar_conversion"));
    }

    private static void lockRow(Connection holder) {
        try (Statement statement = holder.createStatement()) {
            statement.execute("SELECT FROM moved WHERE id = 17 FOR UPDATE");
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private LocalAgent agent(String state, Points points) {
        return LocalAgent.start(server, folder.resolve(state), environment("pg-0"), points);
    }

    private static Map<String, String> environment(String name) {
        return new HashMap<>(Map.of(
                "PGSIDECAR_NAME", name,
                "PGSIDECAR_POSTGRES_USER", "pgsidecar",
                "PGSIDECAR_POSTGRES_DATABASE", "pgsidecar",
                "PGSIDECAR_PARTITION_DATABASES", "app",
                "PGSIDECAR_PARTITION_SCHEDULE", Caretaken.NEVER,
                "PGSIDECAR_PARTITION_JITTER", "0s",
                "PGSIDECAR_PARTITION_LOCK_TIMEOUT", "500ms",
                "PGSIDECAR_PARTITION_RETRY_FOR", "0s",
                "PGSIDECAR_OBSERVE_SIZES_EVERY", "1s"));
    }

    private static void assertState(Operation operation, State state) {
        assertThat(operation.state()).as(operation.json().encodePrettily()).isEqualTo(state);
    }
}
