package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Partitioned;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Standby;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A conversion through kills of the agent and of the server, and through a promote: nothing is lost, and it goes on. */
@Tag("agent")
class ConversionCrashIT {

    private static final List<String> POINTS = List.of(
            "conversion/create:before",
            "conversion/create:after",
            "conversion/attach triggers:after",
            "conversion/copy:before",
            "conversion/copy:after",
            "conversion/verify:after",
            "conversion/prepare:after",
            "conversion/swap:before",
            "conversion/swap:after",
            "conversion:irrevocable",
            "conversion/maintain:before",
            "conversion/maintain:after");

    @TempDir
    Path folder;

    private static Partitioned orders(Caretaken server, int rows) {
        return server.app()
                .asApp(
                        "CREATE TABLE orders (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), amount numeric, note text)",
                        "INSERT INTO orders (at, amount, note) SELECT now() - g %% 30 * interval '1 day', g, 'order ' || g FROM generate_series(1, %d) AS g"
                                .formatted(rows))
                .asApp(Clients.again("orders"))
                .grantFor("public.orders");
    }

    private static JsonObject order() {
        return ConversionIT.byDay("orders", "unique:orders_pkey");
    }

    @Test
    void continuesAfterKill9() {
        continuesAfterKill9At(List.of("conversion/copy:after", "conversion/swap:before", "conversion/maintain:after"));
    }

    @Test
    @Tag("full")
    void continuesAfterKill9AtEachStep() {
        continuesAfterKill9At(POINTS);
    }

    /** One conversion, whose agent is killed at each of these points. */
    private void continuesAfterKill9At(List<String> points) {
        try (Caretaken server = new Caretaken(17, folder)) {
            Partitioned app = orders(server, 5_000);
            String before = app.query("SELECT md5(string_agg(o::text, '' ORDER BY id)) FROM orders AS o");
            server.start("PGSIDECAR_TEST_HALT_AT", points.getFirst());
            try {
                server.agent().order(ConversionIT.PATH, order());
            } catch (UncheckedIOException e) {
                assertThat(e).as("it ends before it answers").hasMessageContaining("no bytes");
            }
            for (String next : points.subList(1, points.size())) {
                awaitDeath(server);
                assertThat(app.query("SELECT md5(string_agg(o::text, '' ORDER BY id)) FROM orders AS o"))
                        .as(next)
                        .isEqualTo(before);
                server.startUnready("PGSIDECAR_TEST_HALT_AT", next);
            }
            awaitDeath(server);
            server.start();
            JsonObject operation = server.agent()
                    .look("/v1/operations")
                    .getJsonArray("operations")
                    .getJsonObject(0);
            JsonObject ended = server.agent().awaitEnd(operation.getString("id"));
            assertThat(ended.getString("state")).as(ended.encodePrettily()).isEqualTo("succeeded");
            assertThat(app.query("SELECT md5(string_agg(o::text, '' ORDER BY id)) FROM orders AS o"))
                    .isEqualTo(before);
            assertThat(app.query("SELECT phase FROM pgsidecar_conversion.pgsidecar_conversion"))
                    .isEqualTo("converted");
            assertThat(app.query("SELECT relkind FROM pg_class WHERE oid = 'orders'::regclass"))
                    .isEqualTo("p");
        }
    }

    private static void awaitDeath(Caretaken server) {
        await().atMost(Duration.ofSeconds(30))
                .until(() -> !server.agent().process().isAlive());
    }

    @Test
    @Tag("full")
    void losesNothingThroughKills() throws Exception {
        through(4);
    }

    @Test
    @Tag("soak")
    void losesNothingThroughManyKills() throws Exception {
        through(20);
    }

    private void through(int kills) throws Exception {
        Random random = new Random();
        try (Caretaken server = new Caretaken(17, folder)) {
            Partitioned app = orders(server, 60_000);
            server.start();
            try (Clients clients = Clients.on(server.server(), "orders", true)) {
                clients.await(20);
                server.agent().order(ConversionIT.PATH, order());
                for (int kill = 0; kill < kills; kill++) {
                    Thread.sleep(200 + random.nextInt(1_000));
                    server.agent().close();
                    if (kill % 2 == 1) {
                        server.server().kill();
                        server.server().start();
                    }
                    server.start();
                    if (kill % 5 == 4 && isConverted(app)) {
                        String name = server.awaitConversion("public.orders").getString("id");
                        server.agent().order(ConversionIT.PATH + "/" + name + "/revert", new JsonObject());
                    } else if (nothing(app)) {
                        server.agent().order(ConversionIT.PATH, order());
                    }
                }
                if (nothing(app)) {
                    server.agent().order(ConversionIT.PATH, order());
                }
                await("the end").atMost(Duration.ofSeconds(120)).until(() -> isConverted(app) || nothing(app));
                clients.await(30);
                clients.stop();
                assertThat(clients.failures()).isEmpty();
                assertThat(clients.wrong()).isEmpty();
            }
            if (isConverted(app)) {
                ConversionIT.assertSame(app, "orders", "pgsidecar_converted.orders");
                ConversionIT.assertSame(app, "pgsidecar_converted.orders", "orders");
            }
        }
    }

    private static boolean isConverted(Partitioned app) {
        return app.query("SELECT count(*) FROM pgsidecar_conversion.pgsidecar_conversion WHERE phase = 'converted'")
                .equals("1");
    }

    private static boolean nothing(Partitioned app) {
        return app.query("SELECT count(*) FROM pgsidecar_conversion.pgsidecar_conversion")
                .equals("0");
    }

    @Test
    @Tag("full")
    void goesOnAfterAPromote() {
        try (Caretaken server = new Caretaken(17, folder)) {
            Partitioned app = orders(server, 300_000);
            Postgres standby = server.cluster().standby("pg-1", server.server(), Standby.WITH_SLOT);
            standby.hba("host app pgsidecar 127.0.0.1/32 trust");
            standby.hba("host pgsidecar pgsidecar 127.0.0.1/32 trust");
            server.start();
            try (AgentProcess beside = server.agentBeside(standby, "pg-1")) {
                server.agent().order(ConversionIT.PATH, order());
                await().atMost(Duration.ofSeconds(30))
                        .ignoreExceptions()
                        .until(() -> Integer.parseInt(
                                        app.query("SELECT rows FROM pgsidecar_conversion.pgsidecar_conversion"))
                                > 1_000);
                server.cluster().awaitReplay(server.server(), standby);
                server.agent().close();
                server.server().kill();
                standby.promote();
                await().atMost(Duration.ofSeconds(60)).until(() -> standby.queryIn(
                                "app", "SELECT phase FROM pgsidecar_conversion.pgsidecar_conversion")
                        .equals("converted"));
                assertThat(standby.queryIn("app", "SELECT count(*) || ' ' || count(DISTINCT id) FROM orders"))
                        .isEqualTo("300000 300000");
                JsonArray operations = beside.look("/v1/operations").getJsonArray("operations");
                assertThat(operations.getJsonObject(0).getString("by")).isEqualTo("pgsidecar");
            }
        }
    }
}
