package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.cluster.Partitioned;
import io.vertx.core.json.JsonObject;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** `make bench`: what a conversion takes, beside one INSERT ... SELECT of the same rows, and what it costs its clients. */
@Tag("bench")
class ConversionBenchmarkIT {

    private static final int ROWS = 500_000;
    private static final int ROUNDS = 3;
    private static final Duration ALONE = Duration.ofSeconds(15);

    @TempDir
    Path folder;

    /** A server as it is used: it syncs, and has room. */
    private Caretaken server() {
        return new Caretaken(17, folder, Map.of("fsync", "on", "shared_buffers", "256MB", "max_wal_size", "4GB"));
    }

    private static void orders(Partitioned app) {
        app.asApp(
                        "CREATE TABLE orders (id bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), amount numeric, note text)",
                        "CREATE INDEX orders_at ON orders (at)",
                        "INSERT INTO orders SELECT g, now() - g %% 30 * interval '1 day', g %% 1000, 'order ' || g FROM generate_series(1, %d) AS g"
                                .formatted(ROWS),
                        "ANALYZE orders")
                .sql("CHECKPOINT");
    }

    @Test
    void copies() throws SQLException {
        List<Double> copied = new ArrayList<>();
        List<Double> byHand = new ArrayList<>();
        try (Caretaken server = server()) {
            Partitioned app = server.app();
            for (int round = 0; round < ROUNDS; round++) {
                orders(app);
                app.grantFor("public.orders").asApp("CREATE TABLE saved AS TABLE orders");
                if (round == 0) {
                    server.start();
                }
                JsonObject operation = Caretaken.order(
                        server.agent(), ConversionIT.PATH, ConversionIT.byDay("orders", "unique:orders_pkey"));
                assertThat(operation.getString("state"))
                        .as(operation.encodePrettily())
                        .isEqualTo("succeeded");
                JsonObject copy = step(operation, "copy").orElseThrow();
                copied.add(
                        Duration.between(Instant.parse(copy.getString("began")), Instant.parse(copy.getString("ended")))
                                        .toNanos()
                                / 1e9);
                Caretaken.order(
                        server.agent(),
                        ConversionIT.PATH + "/" + ConversionIT.name(operation) + "/finish",
                        new JsonObject());
                app.sql("TRUNCATE orders", "CHECKPOINT");
                try (Connection client = server.server().connect("app", "app", "");
                        Statement statement = client.createStatement()) {
                    long began = System.nanoTime();
                    statement.execute("INSERT INTO orders SELECT * FROM saved");
                    byHand.add((System.nanoTime() - began) / 1e9);
                }
                app.sql(
                        "DROP TABLE orders, saved",
                        "DROP TABLE IF EXISTS orders_template",
                        "DELETE FROM partman.part_config WHERE parent_table = 'public.orders'");
            }
        }
        Figures.reportRatio(
                "rows a second that a conversion copies, %,d rows (median of %d)".formatted(ROWS, ROUNDS),
                ROWS / Figures.median(copied),
                "one INSERT ... SELECT into the same set",
                ROWS / Figures.median(byHand),
                0.5);
    }

    private static Optional<JsonObject> step(JsonObject operation, String name) {
        return operation.getJsonArray("steps").stream()
                .map(JsonObject.class::cast)
                .filter(step -> step.getString("name").equals(name))
                .findFirst();
    }

    @Test
    void clientsMeanwhile() throws Exception {
        List<Double> alone = new ArrayList<>();
        List<Double> meanwhile = new ArrayList<>();
        long longestAlone = 0;
        long longestBefore = 0;
        long longestInTheSwap = 0;
        for (int round = 0; round < ROUNDS; round++) {
            try (Caretaken server = server()) {
                orders(server.app());
                server.app().asApp(Clients.again("orders")).grantFor("public.orders");
                server.start();
                try (Clients clients = Clients.on(server.server(), "orders")) {
                    clients.await(200);
                    clients.longest();
                    long done = clients.done();
                    Thread.sleep(ALONE);
                    alone.add((clients.done() - done) / (double) ALONE.toSeconds());
                    longestAlone = Math.max(longestAlone, clients.longest());

                    done = clients.done();
                    long began = System.nanoTime();
                    String id = new JsonObject(server.agent()
                                    .order(ConversionIT.PATH, ConversionIT.byDay("orders", "unique:orders_pkey"))
                                    .body())
                            .getString("id");
                    JsonObject operation = await(server, id, "swap");
                    meanwhile.add((clients.done() - done) / ((System.nanoTime() - began) / 1e9));
                    longestBefore = Math.max(longestBefore, clients.longest());
                    if (operation.getString("state").equals("running")) {
                        operation = await(server, id, "maintain");
                    }
                    Thread.sleep(100); // who waited for the swap has ended
                    longestInTheSwap = Math.max(longestInTheSwap, clients.longest());
                    operation = server.agent().awaitEnd(id);
                    assertThat(operation.getString("state"))
                            .as(operation.encodePrettily())
                            .isEqualTo("succeeded");
                    clients.stop();
                    assertThat(clients.failures()).isEmpty();
                    assertThat(clients.wrong()).isEmpty();
                }
            }
        }
        Figures.reportRatio(
                "transactions a second of three clients while %,d rows are copied and compared (median of %d)"
                        .formatted(ROWS, ROUNDS),
                Figures.median(meanwhile),
                "without a conversion",
                Figures.median(alone),
                0.7);
        longest(
                "the longest of them before the swap, ms (of %d rounds)".formatted(ROUNDS),
                longestBefore,
                longestAlone,
                100);
        longest(
                "the longest of them in the swap, ms (of %d rounds)".formatted(ROUNDS),
                longestInTheSwap,
                longestAlone,
                250);
    }

    private static void longest(String what, long millis, long alone, long most) {
        Figures.line(what, "" + millis, "without a conversion: " + alone, "", "at most " + most, millis <= most);
    }

    /** Waits until it is at this step, or over. */
    private static JsonObject await(Caretaken server, String id, String step) throws InterruptedException {
        while (true) {
            JsonObject operation = server.agent().look("/v1/operations/" + id);
            if (!operation.getString("state").equals("running")
                    || step(operation, step).isPresent()) {
                return operation;
            }
            Thread.sleep(10);
        }
    }
}
