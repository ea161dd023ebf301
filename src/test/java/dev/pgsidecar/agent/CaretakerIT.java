package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Partitioned;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Psql;
import dev.pgsidecar.cluster.Standby;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** When maintenance runs by itself and when it does not, and what becomes of it when the agent or the server ends. */
@Tag("agent")
class CaretakerIT {

    private static final String[] OFTEN = {"PGSIDECAR_PARTITION_SCHEDULE", "* * * * * ?", "PGSIDECAR_LOG_LEVEL", "debug"
    };

    @TempDir
    Path folder;

    /** Waits until maintenance has been due twice more: what comes of the first time has come by then. */
    private static void awaitDue(AgentProcess agent) {
        long before = due(agent);
        await("maintenance is due").atMost(Duration.ofSeconds(20)).until(() -> due(agent) >= before + 2);
        agent.awaitObservations(1);
    }

    private static long due(AgentProcess agent) {
        return agent.log()
                .lines()
                .filter(line -> line.contains("maintenance is due"))
                .count();
    }

    @Test
    void runsBySchedule() {
        try (Caretaken server = new Caretaken(17, folder)) {
            Partitioned app = server.app().byNumber("public.items").grant();
            app.sql("INSERT INTO items VALUES (15000)");
            server.start("PGSIDECAR_PARTITION_SCHEDULE", OFTEN[1], "PGSIDECAR_PARTITION_MODE", "report");
            server.awaitSet("public.items");
            assertThat(server.agent().look("/v1/partitions").containsKey("nextRun"))
                    .isFalse();
            assertThat(server.set("public.items").containsKey("lastMaintenance"))
                    .isFalse();

            server.start(OFTEN);
            await().atMost(Duration.ofSeconds(20)).until(() -> app.partitions("public.items") == 6);
            assertThat(server.agent().look("/v1/partitions").getString("nextRun"))
                    .isNotNull();
            app.sql("INSERT INTO items VALUES (25000)");
            await().atMost(Duration.ofSeconds(20)).until(() -> app.partitions("public.items") == 7);
            JsonObject operation = server.agent()
                    .look("/v1/operations")
                    .getJsonArray("operations")
                    .getJsonObject(0);
            assertThat(operation.getString("by")).isEqualTo("pgsidecar");
            assertThat(operation.getString("from")).isEqualTo("the schedule");

            // what was known of the sets is known again; a run that the restart has cut in two goes on first
            server.start().awaitRest();
            assertThat(server.maintain().getString("state")).isEqualTo("succeeded");
            app.sql("INSERT INTO items VALUES (35000)");
            server.start("PGSIDECAR_PARTITION_SCHEDULE", "0 0 0 1 1 ? *");
            server.awaitSet("public.items");
            assertThat(server.set("public.items")
                            .getJsonObject("lastMaintenance")
                            .getString("outcome"))
                    .isEqualTo("done");
            assertThat(app.partitions("public.items")).as("it is not due").isEqualTo(7);

            try (AgentProcess fresh =
                    server.agentBeside(server.server(), "pg-0-new", "PGSIDECAR_PARTITION_SCHEDULE", "0 0 0 1 1 ? *")) {
                await("a run that was missed is made up for")
                        .atMost(Duration.ofSeconds(20))
                        .until(() -> app.partitions("public.items") == 8);
                await().untilAsserted(() -> assertThat(fresh.log()).contains("succeeded"));
            }
        }
    }

    @Test
    void doesNotDoWhatSomebodyElseDoes() {
        Map<String, String> settings = Map.of(
                "shared_preload_libraries", "'pg_cron,pg_partman_bgw'",
                "cron.host", "'127.0.0.1'",
                "cron.database_name", "'postgres'",
                "pg_partman_bgw.interval", "3600");
        try (Caretaken server = new Caretaken(17, folder, settings)) {
            Partitioned app = server.app().byNumber("public.items").grant();
            Path caretaker = Path.of("deploy/sql/caretaker.sql").toAbsolutePath();
            server.server()
                    .sql(
                            "CREATE EXTENSION pg_cron",
                            "SELECT cron.schedule_in_database('partitions', '@daily', 'CALL partman.run_maintenance_proc()', 'app')");
            Psql.run(server.server(), caretaker);
            server.start(OFTEN);
            await().atMost(Duration.ofSeconds(20))
                    .until(() -> server.database().getJsonArray("maintainedBy").size() == 1);
            assertThat(server.database().getJsonArray("maintainedBy").getString(0))
                    .isEqualTo("pg_cron's job 1, partitions (@daily)");
            app.sql("INSERT INTO items VALUES (15000)");
            awaitDue(server.agent());
            assertThat(app.partitions("public.items")).isEqualTo(5);
            assertThat(server.agent().log().lines().filter(line -> line.contains("are maintained by pg_cron")))
                    .as("told once")
                    .hasSize(1);
            assertThat(server.agent().getText("/metrics"))
                    .contains("pgsidecar_partition_other_maintainers{database=\"app\",} 1.0");
            assertThat(server.maintain().getString("state"))
                    .as("who orders it gets it")
                    .isEqualTo("succeeded");

            app.sql("INSERT INTO items VALUES (25000)");
            server.server().sql("SELECT cron.unschedule('partitions')");
            await().atMost(Duration.ofSeconds(20)).until(() -> app.partitions("public.items") == 7);

            server.server().sql("ALTER SYSTEM SET pg_partman_bgw.dbname = 'app'");
            server.server().reload();
            await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> assertThat(
                            server.database().getJsonArray("maintainedBy").encode())
                    .contains("background worker"));
        }
    }

    @Test
    void allAtOnceDoNoHarm() throws Exception {
        Map<String, String> settings = Map.of(
                "shared_preload_libraries", "'pg_cron,pg_partman_bgw'",
                "cron.use_background_workers", "on",
                "cron.database_name", "'app'",
                "pg_partman_bgw.interval", "1",
                "pg_partman_bgw.dbname", "'app'",
                "pg_partman_bgw.role", "'app'");
        try (Caretaken server = new Caretaken(17, folder, settings)) {
            Partitioned app = server.app();
            app.sql(
                    "CREATE EXTENSION pg_cron",
                    "GRANT USAGE ON SCHEMA partman TO app",
                    "GRANT ALL ON ALL TABLES IN SCHEMA partman TO app",
                    "SELECT cron.schedule('often', '1 second', 'CALL partman.run_maintenance_proc()')",
                    "UPDATE cron.job SET username = 'app'");
            for (int set = 0; set < 5; set++) {
                app.byNumber("public.s" + set).sql("INSERT INTO s%d VALUES (1)".formatted(set));
            }
            app.grant();
            server.start("PGSIDECAR_PARTITION_RETRY_FOR", "20s");
            try (AgentProcess other =
                    server.agentBeside(server.server(), "pg-0-again", "PGSIDECAR_PARTITION_RETRY_FOR", "20s")) {
                other.await200("/primary");
                for (int step = 1; step <= 4; step++) {
                    for (int set = 0; set < 5; set++) {
                        app.sql("INSERT INTO s%d VALUES (%d)".formatted(set, step * 10_000 + 1));
                    }
                    other.order("/v1/partitions/maintenance", new JsonObject());
                    JsonObject operation = server.maintain();
                    assertThat(operation.getString("state"))
                            .as(operation.encodePrettily())
                            .isEqualTo("succeeded");
                }
                for (int set = 0; set < 5; set++) {
                    String name = "public.s" + set;
                    await().atMost(Duration.ofSeconds(20)).until(() -> app.partitions(name) == 9);
                    assertThat(app.inDefault(name)).isZero();
                }
                assertThat(other.log()).doesNotContain("ERROR");
                assertThat(app.query("SELECT count(*) > 0 FROM cron.job_run_details WHERE status = 'succeeded'"))
                        .as("pg_cron was there, too")
                        .isEqualTo("t");
            }
        }
    }

    @Test
    void waitsOnAStandbyAndTakesOverAfterAPromote() {
        try (Caretaken server = new Caretaken(17, folder)) {
            Partitioned app = server.app().byNumber("public.items").grant();
            Postgres standby = server.cluster().standby("pg-1", server.server(), Standby.WITH_SLOT);
            app.sql("CREATE TABLE spoken ()"); // an idle primary says nothing for a while, and lag is unknown then
            standby.hba("host app pgsidecar 127.0.0.1/32 trust");
            standby.hba("host pgsidecar pgsidecar 127.0.0.1/32 trust");
            server.start();
            try (AgentProcess beside = server.agentBeside(standby, "pg-1", OFTEN)) {
                beside.await200("/replica");
                app.sql("INSERT INTO items VALUES (15000)");
                var refused = beside.order("/v1/partitions/maintenance", new JsonObject());
                assertThat(refused.statusCode()).isEqualTo(412);
                assertThat(refused.body()).contains("order it at the primary's agent");
                await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> assertThat(
                                beside.look("/v1/partitions").encode())
                        .contains("public.items"));
                awaitDue(beside);
                assertThat(beside.look("/v1/operations").getJsonArray("operations"))
                        .isEmpty();
                assertThat(beside.log()).doesNotContain("maintenance-");

                server.cluster().awaitReplay(server.server(), standby);
                server.server().kill();
                standby.promote();
                await().atMost(Duration.ofSeconds(30)).until(() -> standby.queryIn(
                                "app", "SELECT count(*) FROM partman.show_partitions('public.items')")
                        .equals("6"));
            }
        }
    }

    @Test
    void restsDuringAWritePause() {
        try (Caretaken server = new Caretaken(17, folder)) {
            Partitioned app = server.app().byNumber("public.items").grant();
            app.sql("INSERT INTO items VALUES (15000)");
            server.start();
            JsonObject pause = new JsonObject()
                    .put("databases", new JsonArray().add("app"))
                    .put("ttl", "60s")
                    .put("reason", "a test");
            Caretaken.order(server.agent(), "/v1/writes/pause", pause);
            var refused = server.agent().order("/v1/partitions/maintenance", new JsonObject());
            assertThat(refused.statusCode()).isEqualTo(412);
            assertThat(refused.body()).contains("writes-open");
            server.agent().close();
            server.startUnready(OFTEN);
            awaitDue(server.agent());
            assertThat(server.agent().log()).doesNotContain("maintenance-");
            Caretaken.order(server.agent(), "/v1/writes/resume", new JsonObject());
            await().atMost(Duration.ofSeconds(20)).until(() -> app.partitions("public.items") == 6);
        }
    }

    @Test
    void tellsWhichRightsAreMissing() {
        try (Caretaken server = new Caretaken(17, folder)) {
            Partitioned app = server.app().byNumber("public.items");
            app.sql("INSERT INTO items VALUES (15000)");
            server.start();
            await().atMost(Duration.ofSeconds(20))
                    .untilAsserted(() -> assertThat(server.database().getString("failure")
                                    + server.database().encode())
                            .contains("permission denied"));
            assertThat(server.agent()
                            .order("/v1/partitions/maintenance", new JsonObject())
                            .body())
                    .contains("caretaker.sql");
            app.sql("ALTER TABLE items OWNER TO postgres");
            app.grant();
            server.awaitSet("public.items");
            assertThat(server.set("public.items").getString("rights")).isEqualTo("missing");
            assertThat(server.agent()
                            .order("/v1/partitions/maintenance", new JsonObject())
                            .body())
                    .contains("belongs to the superuser postgres");
            app.sql("ALTER TABLE items OWNER TO app", "ALTER TABLE items_p0 OWNER TO postgres");
            app.sql("GRANT app TO pgsidecar_caretaker");
            assertThat(server.agent()
                            .order("/v1/partitions/maintenance", new JsonObject())
                            .body())
                    .contains("partitions of public.items do not belong to its owner");
            app.grant();
            assertThat(server.maintain().getString("state")).isEqualTo("succeeded");
            assertThat(app.query(
                            "SELECT count(*) FROM pg_partition_tree('items') AS t JOIN pg_class AS c ON c.oid = t.relid"
                                    + " WHERE pg_get_userbyid(c.relowner) <> 'app'"))
                    .isEqualTo("0");

            app.sql("INSERT INTO items VALUES (25000)");
            server.server().hba("host all postgres 127.0.0.1/32 trust");
            server.start("PGSIDECAR_POSTGRES_USER", "postgres");
            assertThat(server.maintain().getString("state"))
                    .as("as a superuser")
                    .isEqualTo("succeeded");
            assertThat(app.partitions("public.items")).isEqualTo(7);

            Path takenBack = Path.of("deploy/sql/uncaretaker.sql").toAbsolutePath();
            Psql.run(server.server(), takenBack, "--dbname=app");
            Psql.run(server.server(), takenBack, "--dbname=app");
            assertThat(app.partitions("public.items"))
                    .as("no partition goes with it")
                    .isEqualTo(7);
            server.server().sql("DROP ROLE pgsidecar_caretaker");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "maintenance/maintain app:before",
                "maintenance/maintain app:after",
                "rescue/move:before",
                "rescue/move:after",
                "rescue/maintain:before"
            })
    void goesOnAfterKill9(String point) {
        try (Caretaken server = new Caretaken(17, folder)) {
            Partitioned app = server.app().byNumber("public.items").grant();
            app.sql("INSERT INTO items SELECT 49999 + g * 10000 FROM generate_series(0, 5) AS g");
            server.start("PGSIDECAR_TEST_HALT_AT", point);
            String path = point.startsWith("rescue") ? "/v1/partitions/rescue" : "/v1/partitions/maintenance";
            JsonObject order = point.startsWith("rescue") ? Caretaken.rescueOf("public.items") : new JsonObject();
            if (point.startsWith("maintenance")) {
                app.sql("DELETE FROM items WHERE id > 50000");
            }
            try {
                server.agent().order(path, order);
            } catch (UncheckedIOException e) {
                assertThat(e).as("it ends before it answers").hasMessageContaining("no bytes");
            }
            await().atMost(Duration.ofSeconds(20))
                    .until(() -> !server.agent().process().isAlive());
            server.start();
            await().atMost(Duration.ofSeconds(30)).untilAsserted(() -> assertThat(server.agent()
                            .look("/v1/operations")
                            .getJsonArray("operations")
                            .getJsonObject(0)
                            .getString("state"))
                    .isEqualTo("succeeded"));
            assertThat(app.inDefault("public.items")).isZero();
            int expected = point.startsWith("rescue") ? 5 + 5 + 4 : 5 + 4;
            assertThat(app.partitions("public.items")).isEqualTo(expected);
        }
    }

    /** Clients see each row exactly once, all the time; kill -9 of the agent and of the server take nothing. */
    @Test
    @Tag("full")
    void losesNoRowWhileItRescues() throws Exception {
        rescuedThrough(4);
    }

    @Test
    @Tag("soak")
    void losesNoRowThroughManyKills() throws Exception {
        rescuedThrough(60);
    }

    private void rescuedThrough(int kills) throws Exception {
        try (Caretaken server = new Caretaken(17, folder)) {
            Partitioned app = server.app().byNumber("public.items").grant();
            app.sql("INSERT INTO items SELECT g FROM generate_series(1, 700000, 7) AS g");
            assertThat(app.inDefault("public.items")).isGreaterThan(90_000);
            String[] patiently = {"PGSIDECAR_PARTITION_RETRY_FOR", "1m"};
            server.start(patiently);
            AtomicBoolean over = new AtomicBoolean();
            AtomicReference<String> wrong = new AtomicReference<>();
            AtomicInteger looks = new AtomicInteger();
            Thread client = Thread.ofVirtual().start(() -> watch(server, over, wrong, looks));
            for (int kill = 0; kill < kills; kill++) {
                if (app.inDefault("public.items") == 0) { // all over again, from the beginning
                    again(app);
                }
                server.agent().order("/v1/partitions/rescue", Caretaken.rescueOf("public.items"));
                Thread.sleep(300 + kill % 4 * 150);
                server.agent().close();
                if (kill % 4 == 2) {
                    server.server().kill();
                    server.server().start();
                }
                server.start(patiently);
            }
            await().atMost(Duration.ofSeconds(60)).until(() -> app.inDefault("public.items") == 0);
            over.set(true);
            client.join();
            assertThat(wrong.get()).isNull();
            assertThat(looks).hasValueGreaterThan(kills);
            assertThat(server.agent().look("/v1/operations").getJsonArray("operations").stream()
                            .map(each ->
                                    ((JsonObject) each).getJsonObject("result").getInteger("partitions", 0))
                            .mapToInt(Integer::intValue)
                            .max()
                            .orElse(0))
                    .as("a rescue was gone on with")
                    .isPositive();
            assertThat(app.query("SELECT count(*) || ' ' || count(DISTINCT id) FROM items"))
                    .isEqualTo("100000 100000");
        }
    }

    /** Puts all rows back into the default partition, unseen by the client. */
    private static void again(Partitioned app) {
        app.sql("DO $$ DECLARE p regclass; BEGIN LOCK TABLE items; CREATE TEMPORARY TABLE all_rows ON COMMIT DROP AS"
                + " SELECT * FROM items; FOR p IN SELECT inhrelid FROM pg_inherits JOIN pg_class ON oid = inhrelid"
                + " WHERE inhparent = 'items'::regclass AND pg_get_expr(relpartbound, oid) <> 'DEFAULT' AND relname"
                + " NOT IN ('items_p0', 'items_p10000', 'items_p20000', 'items_p30000', 'items_p40000')"
                + " LOOP EXECUTE 'DROP TABLE ' || p; END LOOP; DELETE FROM items; INSERT INTO items SELECT * FROM all_rows;"
                + " END $$");
    }

    private static void watch(
            Caretaken server, AtomicBoolean over, AtomicReference<String> wrong, AtomicInteger looks) {
        while (!over.get()) {
            try (Connection client = server.server().connect("app", "app", "");
                    Statement statement = client.createStatement()) {
                while (!over.get()) {
                    try (ResultSet rows = statement.executeQuery("SELECT count(*), count(DISTINCT id) FROM items")) {
                        rows.next();
                        looks.incrementAndGet();
                        if (rows.getLong(1) != 100_000 || rows.getLong(2) != 100_000) {
                            wrong.set("%d rows, %d different".formatted(rows.getLong(1), rows.getLong(2)));
                        }
                    }
                }
            } catch (SQLException e) {
                // the server was killed; the next connection looks again
            }
        }
    }

    @Test
    void canBeCancelledAndIsPushedAsideByAnExclusiveOperation() throws Exception {
        try (Caretaken server = new Caretaken(17, folder)) {
            Partitioned app = server.app().byNumber("public.items").grant();
            app.sql("INSERT INTO items VALUES (15000)");
            server.start("PGSIDECAR_PARTITION_RETRY_FOR", "10m");
            Connection reader = server.server().connect("app", "app", "");
            reader.setAutoCommit(false);
            reader.createStatement().executeQuery("SELECT count(*) FROM items").close();
            Thread.sleep(700); // by now it is an old transaction
            var response = server.agent().order("/v1/partitions/maintenance", new JsonObject());
            assertThat(response.statusCode()).isEqualTo(202);
            String id = new JsonObject(response.body()).getString("id");
            assertThat(server.agent()
                            .order("/v1/partitions/maintenance", new JsonObject())
                            .statusCode())
                    .as("one of a kind")
                    .isEqualTo(409);
            JsonObject pause = new JsonObject()
                    .put("databases", new JsonArray().add("postgres"))
                    .put("ttl", "60s");
            Caretaken.order(server.agent(), "/v1/writes/pause", pause);
            Caretaken.order(server.agent(), "/v1/writes/resume", new JsonObject());
            assertThat(server.agent().look("/v1/operations/" + id).getString("state"))
                    .isEqualTo("running");
            var cancelled = server.agent().command("DELETE", "/v1/operations/" + id, AgentProcess.OPERATE, "");
            assertThat(cancelled.statusCode()).isIn(200, 202);
            await().atMost(Duration.ofSeconds(10)).until(() -> List.of("cancelled")
                    .contains(server.agent().look("/v1/operations/" + id).getString("state")));
            reader.close();
        }
    }
}
