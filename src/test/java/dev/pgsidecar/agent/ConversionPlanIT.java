package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.cluster.Partitioned;
import io.vertx.core.json.JsonObject;
import java.nio.file.Files;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each refusal of docs/conversion.md, and the plan; nothing is touched. */
@Tag("agent")
class ConversionPlanIT {

    private static Caretaken server;

    @BeforeAll
    static void start() throws Exception {
        server = new Caretaken(17, Files.createTempDirectory("plan"));
        server.app().grant().sql("GRANT app TO pgsidecar_caretaker");
        server.start();
    }

    @AfterAll
    static void close() {
        server.close();
    }

    private static final String SOUND = "id bigint PRIMARY KEY, at timestamptz NOT NULL";

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            ordinary-table | CREATE UNLOGGED TABLE t (%s)
            ordinary-table | CREATE TABLE t (%s); CREATE RULE r AS ON DELETE TO t DO ALSO NOTHING
            ordinary-table | CREATE TABLE t (%s); CREATE TABLE t_child () INHERITS (t)
            ordinary-table | CREATE TABLE t (id bigint, at timestamptz, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)
            control        | CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz)
            control        | CREATE TABLE t (id bigint PRIMARY KEY, at text NOT NULL)
            control        | CREATE TABLE t (id bigint PRIMARY KEY)
            names          | CREATE TABLE t (%s); CREATE TABLE t_default ()
            names          | CREATE TABLE t (%s); CREATE TABLE t_p20260101 ()
            partitions     | CREATE TABLE t (%s); INSERT INTO t VALUES (1, '1900-01-01'), (2, now())
            partitions     | CREATE TABLE t (%s); INSERT INTO t VALUES (1, 'infinity')
            future-rows    | CREATE TABLE t (%s); INSERT INTO t VALUES (1, now() + interval '1 year')
            key            | CREATE TABLE t (id bigint, at timestamptz NOT NULL)
            key            | CREATE TABLE t (id bigint, at timestamptz NOT NULL); CREATE UNIQUE INDEX ON t (id)
            key            | CREATE TABLE t (id bigint PRIMARY KEY DEFERRABLE, at timestamptz NOT NULL)
            unique:t_pkey  | CREATE TABLE t (%s)
            exclusion      | CREATE TABLE t (%s, EXCLUDE (id WITH =))
            exclusion      | CREATE TABLE t (%s, n int UNIQUE DEFERRABLE)
            references     | CREATE TABLE t (%s); CREATE TABLE t_ref (id bigint REFERENCES t)
            references     | CREATE TABLE t (%s, parent bigint REFERENCES t)
            not-valid      | CREATE TABLE t (%s); ALTER TABLE t ADD CHECK (id > 0) NOT VALID
            row-security   | CREATE TABLE t (%s); ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
            triggers       | CREATE TABLE t (%s); CREATE FUNCTION t_f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER g AFTER INSERT ON t REFERENCING NEW TABLE AS n FOR EACH ROW EXECUTE FUNCTION t_f()
            views          | CREATE TABLE t (%s, n int); CREATE VIEW t_v AS SELECT id, n FROM t GROUP BY id
            dependents     | CREATE TABLE t (%s); CREATE MATERIALIZED VIEW t_m AS SELECT * FROM t
            dependents     | CREATE TABLE t (%s); CREATE FUNCTION t_f() RETURNS bigint LANGUAGE sql RETURN (SELECT count(*) FROM t)
            dependents     | CREATE TABLE t (%s); CREATE TABLE t_of (whole t)
            dependents     | CREATE TABLE t (%s); CREATE TABLE t_other (id bigint); CREATE POLICY p ON t_other USING (id IN (SELECT id FROM t))
            """)
    void refuses(String check, String setUp) {
        Partitioned app = server.app();
        app.sql("DROP SCHEMA public CASCADE", "CREATE SCHEMA public AUTHORIZATION app");
        for (String statement : setUp.replace("%s", SOUND).split("; (?=(CREATE|INSERT|ALTER) )")) {
            app.asApp(statement);
        }
        JsonObject failed = judged(ConversionIT.byDay("t"), check);
        assertThat(failed.getString("outcome")).as(failed.encodePrettily()).isEqualTo("failed");
        assertThat(failed.getString("hint")).isNotEmpty();
        assertThat(failed.getBoolean("waivable")).isEqualTo(check.startsWith("unique:"));
    }

    private static JsonObject rehearsed(JsonObject order) {
        return new JsonObject(
                server.agent().order(ConversionIT.PATH + "?dryRun=true", order).body());
    }

    private static JsonObject judged(JsonObject order, String check) {
        JsonObject answer = rehearsed(order);
        return answer.getJsonArray("checks").stream()
                .map(JsonObject.class::cast)
                .filter(each -> each.getString("name").equals(check))
                .findFirst()
                .orElseThrow(() -> new AssertionError(answer.encodePrettily()));
    }

    @Test
    void refusesWhatItMayNotDo() {
        Partitioned app = server.app();
        app.sql("DROP SCHEMA public CASCADE", "CREATE SCHEMA public AUTHORIZATION app");
        app.sql(
                "CREATE TABLE t (%s)".formatted(SOUND),
                "CREATE TABLE \"T\" (%s)".formatted(SOUND),
                "CREATE ROLE stranger",
                "CREATE TABLE s (%s)".formatted(SOUND),
                "ALTER TABLE s OWNER TO stranger",
                "GRANT ALL ON SCHEMA public TO stranger");
        for (String table : List.of("t", "s")) {
            assertThat(judged(ConversionIT.byDay(table), "rights").getString("outcome"))
                    .isEqualTo("failed");
        }
        app.sql(
                "ALTER TABLE \"T\" OWNER TO app",
                "ALTER TABLE t OWNER TO app",
                "ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES s");
        assertThat(judged(ConversionIT.byDay("t"), "rights").getString("found"))
                .isEqualTo("app may not refer to public.s, as its foreign keys do");
        app.sql("GRANT REFERENCES (id) ON s TO app");
        assertThat(judged(ConversionIT.byDay("t"), "rights").getString("outcome"))
                .isEqualTo("passed");
        assertThat(judged(ConversionIT.byDay("T"), "names").getString("outcome"))
                .isEqualTo("failed");
        assertThat(judged(ConversionIT.byDay("t").put("interval", "banana"), "interval")
                        .getString("outcome"))
                .isEqualTo("failed");
        assertThat(judged(ConversionIT.byDay("t").put("retention", "'; DROP TABLE t; --"), "interval")
                        .getString("outcome"))
                .isEqualTo("failed");
        assertThat(judged(ConversionIT.byDay("nothing"), "table").getString("outcome"))
                .isEqualTo("failed");
        app.sql("CREATE PUBLICATION whole FOR ALL TABLES", "CREATE PUBLICATION named FOR TABLE t");
        assertThat(judged(ConversionIT.byDay("t"), "publications").getBoolean("waivable"))
                .isTrue();
        assertThat(judged(ConversionIT.byDay("t"), "published").getString("outcome"))
                .isEqualTo("failed");
        app.sql("DROP PUBLICATION whole", "DROP PUBLICATION named");
        var malformed = server.agent().order(ConversionIT.PATH, ConversionIT.byDay("t", "banana"));
        assertThat(malformed.statusCode()).isEqualTo(400);
        assertThat(server.agent()
                        .order(ConversionIT.PATH + "/app-99/finish", new JsonObject())
                        .statusCode())
                .isEqualTo(409);
        assertThat(server.agent()
                        .order(ConversionIT.PATH + "/nonsense/finish", new JsonObject())
                        .statusCode())
                .isEqualTo(400);
    }

    @Test
    void plans() {
        Partitioned app = server.app();
        app.sql("DROP SCHEMA public CASCADE", "CREATE SCHEMA public AUTHORIZATION app");
        app.asApp(
                "CREATE TABLE t (%s)".formatted(SOUND),
                "INSERT INTO t SELECT g, now() FROM generate_series(1, 100) AS g",
                "CREATE FUNCTION upsert() RETURNS void LANGUAGE sql AS 'INSERT INTO t VALUES (1, now()) ON CONFLICT (id) DO NOTHING'",
                "ANALYZE t");
        JsonObject answer = rehearsed(ConversionIT.byDay("t"));
        assertThat(answer.getBoolean("wouldRun")).isFalse();
        JsonObject plan = answer.getJsonObject("plan");
        assertThat(plan.getLong("rows")).isEqualTo(100);
        app.asApp("INSERT INTO t SELECT g, now() FROM generate_series(101, 10000) AS g");
        assertThat(rehearsed(ConversionIT.byDay("t")).getJsonObject("plan").getLong("rows"))
                .as("it has grown since ANALYZE")
                .isBetween(4_000L, 12_000L);
        app.asApp(
                "CREATE TABLE u (%s) WITH (autovacuum_enabled = false)".formatted(SOUND),
                "INSERT INTO u SELECT g, now() FROM generate_series(1, 10000) AS g");
        assertThat(rehearsed(ConversionIT.byDay("u")).getJsonObject("plan").getLong("rows"))
                .as("nobody has counted it")
                .isBetween(4_000L, 12_000L);
        assertThat(plan.getJsonArray("ddl").encode()).contains("PRIMARY KEY (id, at)");
        assertThat(plan.getJsonArray("statements").encode()).contains("function public.upsert()");
        assertThat(plan.getJsonArray("clientErrors").encode())
                .contains("ON CONFLICT (id)")
                .doesNotContain("23503", "40P01");
        app.asApp("CREATE TABLE v (%s, customer bigint CONSTRAINT whose REFERENCES t ON DELETE CASCADE)"
                .formatted(SOUND));
        JsonObject referring = rehearsed(ConversionIT.byDay("v")).getJsonObject("plan");
        assertThat(referring.getJsonArray("clientErrors").encode()).contains("23503", "40P01");
        assertThat(referring.getJsonArray("ddl").encode()).contains("ADD CONSTRAINT whose FOREIGN KEY (customer)");
        assertThat(app.query("SELECT count(*) FROM pg_class WHERE relname = 't'"))
                .as("nothing was made")
                .isEqualTo("1");
    }
}
