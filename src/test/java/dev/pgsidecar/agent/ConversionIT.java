package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Partitioned;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The protocol of docs/conversion.md, row by row, with the rights of deploy/sql. */
@Tag("agent")
class ConversionIT {

    static final String PATH = "/v1/partitions/conversions";

    private static final Map<Integer, Caretaken> SERVERS = new TreeMap<>();

    /** One server for all tests, each of which has tables of its own. */
    private static Caretaken on(int major) {
        return SERVERS.computeIfAbsent(major, each -> {
            try {
                Caretaken server = new Caretaken(each, Files.createTempDirectory("conversion"));
                server.app().grant();
                return server.start();
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    @AfterAll
    static void close() {
        SERVERS.values().forEach(Caretaken::close);
    }

    static JsonObject byDay(String table, String... waive) {
        return new JsonObject()
                .put("database", "app")
                .put("table", "public." + table)
                .put("control", "at")
                .put("interval", "1 day")
                .put("waive", new JsonArray(java.util.List.of(waive)));
    }

    private static JsonObject convert(Caretaken server, JsonObject order) {
        JsonObject operation = Caretaken.order(server.agent(), PATH, order);
        assertThat(operation.getString("state"))
                .as("%s%n%s", operation.encodePrettily(), server.agent().log())
                .isEqualTo("succeeded");
        return operation;
    }

    static String name(JsonObject operation) {
        return operation.getJsonObject("result").getString("conversion");
    }

    private static JsonObject act(Caretaken server, JsonObject conversion, String act) {
        return Caretaken.order(server.agent(), PATH + "/" + name(conversion) + "/" + act, new JsonObject());
    }

    private static Partitioned orders(Caretaken server, String table, int rows) {
        return server.app()
                .asApp(
                        "CREATE TABLE %s (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), amount numeric CHECK (amount >= 0), note text)"
                                .formatted(table),
                        "INSERT INTO %s (at, amount, note) SELECT now() - g %% 30 * interval '1 day', g, 'order ' || g FROM generate_series(1, %d) AS g"
                                .formatted(table, rows))
                .grantFor("public." + table);
    }

    @ParameterizedTest
    @ValueSource(ints = {17})
    void convertsAndFinishes(int major) {
        Caretaken server = on(major);
        Partitioned app = orders(server, "a", 5_000);
        String before = app.query("SELECT md5(string_agg(a::text, '' ORDER BY id)) FROM a");
        JsonObject operation = convert(server, byDay("a", "unique:a_pkey"));
        assertThat(app.query("SELECT md5(string_agg(a::text, '' ORDER BY id)) FROM a"))
                .isEqualTo(before);
        assertThat(app.query("SELECT relkind FROM pg_class WHERE oid = 'a'::regclass"))
                .isEqualTo("p");
        app.sql(
                "INSERT INTO a (amount) VALUES (1)",
                "UPDATE a SET note = 'x' WHERE id = 7",
                "DELETE FROM a WHERE id = 8");
        assertThat(app.query(
                        "SELECT count(*) FROM pgsidecar_converted.a FULL JOIN a USING (id) WHERE a.note IS DISTINCT FROM"
                                + " pgsidecar_converted.a.note"))
                .isEqualTo("0");
        JsonObject finished = act(server, operation, "finish");
        assertThat(finished.getString("state")).as(finished.encodePrettily()).isEqualTo("succeeded");
        assertThat(app.query("SELECT to_regclass('pgsidecar_converted.a') IS NULL"))
                .isEqualTo("t");
        assertThat(app.query("SELECT count(*) FROM pgsidecar_conversion.pgsidecar_conversion"))
                .isEqualTo("0");
        JsonObject maintained = server.maintain("public.a");
        assertThat(maintained.getString("state"))
                .as(maintained.encodePrettily())
                .isEqualTo("succeeded");
        assertThat(app.inDefault("public.a")).isZero();
    }

    /** Clients write all the time, in every way there is: one that fails, or a row that is not as the ledger says, is an error. */
    @Test
    void followsWhatClientsWriteAndTakesItBack() throws Exception {
        Caretaken server = on(17);
        Partitioned app = orders(server, "b", 40_000);
        app.sql("CREATE TABLE b_log (op text)")
                .sql("GRANT ALL ON b_log TO app")
                .asApp(
                        "CREATE FUNCTION b_again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                                + " IF NEW.note = 'again' THEN UPDATE b SET note = 'again and again' WHERE id = NEW.id; END IF;"
                                + " INSERT INTO b_log VALUES (TG_OP); RETURN NULL; END $$",
                        "CREATE TRIGGER a_again AFTER INSERT ON b FOR EACH ROW EXECUTE FUNCTION b_again()");
        try (Clients clients = Clients.on(server.server(), "b")) {
            clients.await(50);
            JsonObject operation = convert(server, byDay("b", "unique:b_pkey"));
            clients.await(50);
            assertSame(app, "b", "pgsidecar_converted.b");
            JsonObject reverted = act(server, operation, "revert");
            assertThat(reverted.getString("state"))
                    .as(reverted.encodePrettily())
                    .isEqualTo("succeeded");
            clients.await(50);
            clients.stop();
            assertThat(clients.failures()).isEmpty();
            assertThat(clients.wrong()).isEmpty();
        }
        assertThat(app.query("SELECT relkind FROM pg_class WHERE oid = 'b'::regclass"))
                .isEqualTo("r");
        assertNothingLeft(app, "b");
    }

    @Test
    void cancelsWithoutATrace() throws Exception {
        Caretaken server = on(17);
        Partitioned app = orders(server, "c", 200_000);
        String before = app.query(CATALOG.formatted("c"));
        var accepted = server.agent().order(PATH, byDay("c", "unique:c_pkey"));
        String id = new JsonObject(accepted.body()).getString("id");
        awaitPhase(server, "public.c", "attached");
        server.agent().command("DELETE", "/v1/operations/" + id, AgentProcess.OPERATE, "");
        assertThat(server.agent().awaitEnd(id).getString("state")).isEqualTo("cancelled");
        assertNothingLeft(app, "c");
        assertThat(app.query(CATALOG.formatted("c"))).isEqualTo(before);

        accepted = server.agent().order(PATH, byDay("c", "unique:c_pkey"));
        id = new JsonObject(accepted.body()).getString("id");
        JsonObject conversion = awaitPhase(server, "public.c", "attached");
        String name = conversion.getString("id");
        Caretaken.order(server.agent(), PATH + "/" + name + "/pause", new JsonObject());
        String rows = await().during(Duration.ofMillis(800))
                .atMost(Duration.ofSeconds(10))
                .until(() -> app.query("SELECT rows FROM pgsidecar_conversion.pgsidecar_conversion"), each -> true);
        assertThat(app.query("SELECT paused FROM pgsidecar_conversion.pgsidecar_conversion"))
                .isEqualTo("t");
        assertThat(app.query("SELECT rows FROM pgsidecar_conversion.pgsidecar_conversion"))
                .isEqualTo(rows);
        Caretaken.order(server.agent(), PATH + "/" + name + "/resume", new JsonObject());
        Caretaken.order(server.agent(), PATH + "/" + name + "/cancel", new JsonObject());
        assertThat(server.agent().awaitEnd(id).getString("state")).isEqualTo("failed");
        assertNothingLeft(app, "c");
        assertThat(app.query(CATALOG.formatted("c"))).isEqualTo(before);
    }

    @Test
    void stopsWhereTheTableIsAltered() {
        Caretaken server = on(17);
        Partitioned app = orders(server, "d", 200_000);
        var accepted = server.agent().order(PATH, byDay("d", "unique:d_pkey"));
        String id = new JsonObject(accepted.body()).getString("id");
        awaitPhase(server, "public.d", "attached");
        app.sql("ALTER TABLE d DROP COLUMN note");
        JsonObject ended = server.agent().awaitEnd(id);
        assertThat(ended.getString("state")).isEqualTo("failed");
        assertThat(ended.getString("failure")).contains("was altered");
        assertNothingLeft(app, "d");
        app.sql("INSERT INTO d (amount) VALUES (1)");
    }

    private static final String CATALOG =
            "SELECT md5(string_agg(t, ',' ORDER BY t)) FROM (SELECT tgname::text AS t FROM pg_trigger"
                    + " WHERE tgrelid = '%1$s'::regclass UNION ALL SELECT relname::text FROM pg_class WHERE relname ~ '^%1$s' UNION ALL"
                    + " SELECT nspname || coalesce(nspacl::text, '') FROM pg_namespace UNION ALL SELECT proname::text FROM pg_proc WHERE proname"
                    + " ~ 'pgsidecar') AS all_of_it";

    private static JsonObject awaitPhase(Caretaken server, String table, String phase) {
        return await(table + " " + phase)
                .atMost(Duration.ofSeconds(30))
                .pollInterval(Duration.ofMillis(20))
                .until(
                        () -> server.database().getJsonArray("conversions").stream()
                                .map(JsonObject.class::cast)
                                .filter(each -> each.getString("table").equals(table))
                                .filter(each -> each.getString("phase").equals(phase))
                                .findFirst()
                                .orElse(null),
                        java.util.Objects::nonNull);
    }

    static void assertSame(Partitioned app, String one, String other) {
        assertThat(app.query(
                        "SELECT count(*) FROM (SELECT o::text FROM %1$s AS o EXCEPT ALL SELECT t::text FROM %2$s AS t) AS d"
                                .formatted(one, other)))
                .isEqualTo("0");
    }

    static void assertNothingLeft(Partitioned app, String table) {
        assertThat(app.query(
                        "SELECT string_agg(oid::regclass::text, ', ') FROM pg_class WHERE relnamespace::regnamespace::text IN"
                                + " ('pgsidecar_conversion', 'pgsidecar_converted') AND relname ~ '^(%1$s$|%1$s_|%1$s_pkey)'"
                                        .formatted(table)))
                .isNull();
        assertThat(app.query("SELECT count(*) FROM pg_class WHERE relname ~ '^%s_(p[0-9]|default|template)'"
                        .formatted(table)))
                .isEqualTo("0");
        assertThat(app.query("SELECT count(*) FROM pg_trigger WHERE tgname ~ 'pgsidecar' AND tgrelid = '%s'::regclass"
                        .formatted(table)))
                .isEqualTo("0");
        assertThat(app.query("SELECT count(*) FROM partman.part_config WHERE parent_table ~ '\\.%s$'".formatted(table)))
                .isEqualTo("0");
        assertThat(app.query(
                        "SELECT count(*) FROM pgsidecar_conversion.pgsidecar_conversion WHERE spec ->> 'name' = '%s'"
                                .formatted(table)))
                .isEqualTo("0");
    }
}
