package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Partitioned;
import dev.pgsidecar.suite.EachVersion;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;

/** What goes wrong with pg_partman, on every version of it, and how maintenance takes it; with the rights of deploy/sql. */
@Tag("agent")
class PartitionsIT {

    private static final Map<Integer, Caretaken> SERVERS = new TreeMap<>();

    /** One server for all tests, each of which has sets of its own. Its sessions are in another time zone. */
    private static Caretaken on(int major) {
        return SERVERS.computeIfAbsent(major, each -> {
            try {
                Caretaken server = new Caretaken(each, Files.createTempDirectory("partitions"));
                server.server().sql("ALTER DATABASE app SET timezone = 'America/New_York'");
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

    private static Connection connect(Caretaken server) throws SQLException {
        return server.server().connect("app", "app", "");
    }

    private static JsonObject done(JsonObject operation, String set) {
        JsonObject outcome = Caretaken.outcome(operation, set);
        assertThat(outcome.getString("outcome")).as(operation.encodePrettily()).isEqualTo("done");
        return outcome;
    }

    private static JsonObject failed(JsonObject operation, String set) {
        JsonObject outcome = Caretaken.outcome(operation, set);
        assertThat(outcome.getString("outcome")).as(operation.encodePrettily()).isEqualTo("failed");
        assertThat(operation.getString("state")).isEqualTo("failed");
        return outcome;
    }

    @EachVersion
    void makesPartitionsAhead(int major) {
        Caretaken server = on(major);
        Partitioned app =
                server.app().byDay("public.a_days").byNumber("public.a_items").grant();
        app.sql(
                "INSERT INTO a_days (id, at) SELECT g, date_trunc('day', now(), 'UTC') + g * interval '1 day' + interval '1 h'"
                        + " FROM generate_series(0, 4) AS g",
                "INSERT INTO a_items SELECT g FROM generate_series(1, 25000) AS g");
        JsonObject operation = server.maintain("public.a_days", "public.a_items");
        assertThat(operation.getString("state")).isEqualTo("succeeded");
        assertThat(done(operation, "public.a_days").getLong("made")).isEqualTo(4);
        assertThat(done(operation, "public.a_items").getLong("made")).isEqualTo(2);

        JsonObject days = server.set("public.a_days");
        assertThat(days.getString("owner")).isEqualTo("app");
        assertThat(days.getString("rights")).isEqualTo("ok");
        assertThat(days.getLong("secondsUntilDefault")).isBetween(8 * 86_400L, 9 * 86_400L);
        assertThat(days.getJsonObject("default").getLong("rows")).isZero();
        assertThat(days.getJsonObject("lastMaintenance").getString("outcome")).isEqualTo("done");
        assertThat(days.getJsonArray("partitions").stream()
                        .map(each -> Instant.parse(((JsonObject) each).getString("from"))))
                .as("midnight in UTC, whatever the session's time zone")
                .allMatch(from -> from.equals(from.truncatedTo(ChronoUnit.DAYS)));
        assertThat(server.set("public.a_items").getLong("numbersUntilDefault")).isEqualTo(45_000);
        assertThat(app.query(
                        "SELECT count(*) FROM pg_partition_tree('a_days') AS t JOIN pg_class AS c ON c.oid = t.relid"
                                + " WHERE pg_get_userbyid(c.relowner) <> 'app'"))
                .as("partitions belong to the owner of their parent")
                .isEqualTo("0");
        assertThat(server.agent().getText("/metrics"))
                .contains("pgsidecar_partition_last_run_failed{database=\"app\",set=\"public.a_days\",} 0.0")
                .contains("pgsidecar_partition_numbers_until_default{database=\"app\",set=\"public.a_items\",} 45000.0")
                .contains("pgsidecar_partition_premake_numbers{database=\"app\",set=\"public.a_items\",} 40000.0")
                .contains("pgsidecar_partition_premake_seconds{database=\"app\",set=\"public.a_days\",} 345600.0")
                .contains("pgsidecar_partition_up{database=\"app\",} 1.0");
        assertThat(done(server.maintain("public.a_days"), "public.a_days").getLong("made"))
                .as("nothing is left to do")
                .isZero();
    }

    @EachVersion
    void maintainsNineSetsBesideABrokenOne(int major) {
        Caretaken server = on(major);
        String[] sets = IntStream.range(0, 10).mapToObj(n -> "public.b" + n).toArray(String[]::new);
        for (String set : sets) {
            server.app().byNumber(set).sql("INSERT INTO " + set + " VALUES (15000)");
        }
        server.app().grant().config("public.b4", "partition_interval = 'nonsense'");
        JsonObject operation = server.maintain(sets);
        assertThat(failed(operation, "public.b4").getString("reason")).contains("nonsense");
        assertThat(operation.getString("failure")).contains("1 of 10 sets: public.b4");
        for (String set : sets) {
            if (!set.equals("public.b4")) {
                assertThat(done(operation, set).getLong("made")).isEqualTo(1);
            }
        }
        if (major > 15) {
            server.app().config("public.b4", "partition_interval = '10000', datetime_string = 'YYYY\"q\"Q'");
            assertThat(failed(server.maintain("public.b4"), "public.b4").getString("reason"))
                    .contains("Quarterly");
        }
    }

    @EachVersion
    void rescuesRowsThatKeepMaintenanceFromGoingOn(int major) {
        Caretaken server = on(major);
        Partitioned app = server.app().byDay("public.c").grant();
        app.config("public.c", "ignore_default_data = true");
        app.sql(
                "CREATE TABLE c_audit (what text)",
                "CREATE FUNCTION c_audit() RETURNS trigger LANGUAGE plpgsql AS"
                        + " $$ BEGIN INSERT INTO c_audit VALUES (TG_OP); RETURN coalesce(NEW, OLD); END $$",
                "CREATE TRIGGER audit BEFORE INSERT OR UPDATE OR DELETE ON c FOR EACH ROW EXECUTE FUNCTION c_audit()",
                "CREATE TRIGGER audit2 AFTER INSERT OR DELETE ON c FOR EACH STATEMENT EXECUTE FUNCTION c_audit()",
                "ALTER TABLE c ADD COLUMN twice bigint GENERATED ALWAYS AS (id * 2) STORED",
                "INSERT INTO c (id, at) VALUES (1, now() + interval '4 days')",
                "INSERT INTO c (id, at) SELECT g, now() + interval '5 days' FROM generate_series(2, 11) AS g",
                "INSERT INTO c (id, at) SELECT g, now() + interval '8 days' FROM generate_series(12, 16) AS g",
                "INSERT INTO c (id, at) VALUES (17, now() + interval '3 years'), (18, 'infinity')",
                "TRUNCATE c_audit");
        String before = app.query("SELECT md5(string_agg(c::text, '' ORDER BY id)) FROM c");

        JsonObject failed = failed(server.maintain("public.c"), "public.c");
        assertThat(failed.getString("reason")).contains("partition constraint");
        assertThat(failed.getString("hint")).isEqualTo("pgsidecar partitions rescue --database app --set public.c");
        JsonObject set = server.set("public.c");
        assertThat(set.getJsonObject("default").getLong("rows")).isEqualTo(17);
        assertThat(set.getJsonObject("default").getJsonArray("ranges").stream()
                        .map(each -> ((JsonObject) each).getInteger("rows")))
                .containsExactly(10, 5, 1);

        JsonObject rescue = server.rescue("public.c");
        assertThat(rescue.getString("state")).as(rescue.encodePrettily()).isEqualTo("succeeded");
        assertThat(rescue.getJsonObject("result").getLong("rows")).isEqualTo(15);
        assertThat(rescue.getJsonObject("result").getInteger("partitions")).isEqualTo(2);
        assertThat(rescue.getJsonObject("result").getJsonArray("left").encode())
                .contains("so far ahead")
                .contains("infinite");
        assertThat(app.inDefault("public.c")).isEqualTo(2);
        assertThat(app.query("SELECT md5(string_agg(c::text, '' ORDER BY id)) FROM c"))
                .as("every row is there, as it was")
                .isEqualTo(before);
        assertThat(app.query("SELECT count(*) FROM c_audit"))
                .as("no trigger has fired")
                .isEqualTo("0");
        app.sql("INSERT INTO c (id, at) VALUES (19, now() + interval '5 days')");
        assertThat(app.query("SELECT count(*) FROM c_audit"))
                .as("they fire again")
                .isEqualTo("2");

        done(server.maintain("public.c"), "public.c");
        JsonObject after = server.set("public.c");
        assertThat(after.getLong("secondsUntilDefault")).as("without a gap").isGreaterThan(12 * 86_400L);
        assertThat(server.agent()
                        .order("/v1/partitions/rescue", Caretaken.rescueOf("public.c"))
                        .body())
                .as("what is left cannot be moved")
                .contains("correct or delete those rows");
    }

    @EachVersion
    void refusesARescueThatCouldLoseRows(int major) {
        Caretaken server = on(major);
        server.app()
                .byNumber("public.d")
                .grant()
                .sql(
                        "INSERT INTO d VALUES (45000), (70000)",
                        "CREATE TABLE d_ref (id bigint REFERENCES d ON DELETE CASCADE)",
                        "INSERT INTO d_ref VALUES (70000)");
        var refused = server.agent().order("/v1/partitions/rescue", Caretaken.rescueOf("public.d"));
        assertThat(refused.statusCode()).isEqualTo(412);
        assertThat(refused.body()).contains("references").contains("pg_constraint");
        assertThat(server.agent()
                        .order(
                                "/v1/partitions/rescue",
                                Caretaken.rescueOf("public.d").put("database", "other"))
                        .statusCode())
                .isEqualTo(412);
        assertThat(server.agent()
                        .order("/v1/partitions/rescue", Caretaken.rescueOf("public.nothing"))
                        .statusCode())
                .isEqualTo(412);
        assertThat(server.agent()
                        .order("/v1/partitions/rescue", new JsonObject().put("database", "app"))
                        .statusCode())
                .isEqualTo(400);
    }

    @EachVersion
    void keepsNewPartitionsWhenRetentionCannotDrop(int major) throws Exception {
        Caretaken server = on(major);
        Partitioned app = server.app().byNumber("public.e").grant();
        app.sql("INSERT INTO e SELECT g * 1000 FROM generate_series(1, 49) AS g");
        app.config("public.e", "retention = '20000', retention_keep_table = false");
        int partitions = app.partitions("public.e");
        try (Connection reader = connect(server);
                Statement statement = reader.createStatement()) {
            reader.setAutoCommit(false);
            statement.execute("SET application_name = 'a long report'");
            statement.executeQuery("SELECT count(*) FROM e_p0").close();
            Thread.sleep(700);
            JsonObject outcome = Caretaken.outcome(server.maintain("public.e"), "public.e");
            assertThat(outcome.getString("outcome")).isEqualTo("skipped");
            assertThat(outcome.getString("reason")).contains("retention").contains("a long report");
            assertThat(outcome.getLong("made")).isEqualTo(4);
            assertThat(app.partitions("public.e")).isEqualTo(partitions + 4);
        }
        assertThat(app.query("SELECT retention FROM partman.part_config WHERE parent_table = 'public.e'"))
                .isEqualTo("20000");
        assertThat(server.set("public.e").getInteger("retentionDue")).isEqualTo(2);
        assertThat(done(server.maintain("public.e"), "public.e").getLong("dropped"))
                .isEqualTo(2);

        app.sql(
                "INSERT INTO e VALUES (69000)",
                "CREATE TABLE e_ref (id bigint REFERENCES e)",
                "INSERT INTO e_ref VALUES (20000)");
        JsonObject failed = failed(server.maintain("public.e"), "public.e");
        assertThat(failed.getLong("made"))
                .as("partitions do not run out over it")
                .isPositive();
        assertThat(failed.getString("hint")).contains("foreign key");
    }

    @EachVersion
    void skipsWhatAnOldTransactionHolds(int major) throws Exception {
        Caretaken server = on(major);
        Partitioned app = server.app().byNumber("public.f").grant();
        app.sql("INSERT INTO f VALUES (15000)");
        try (Connection reader = connect(server);
                Statement statement = reader.createStatement()) {
            reader.setAutoCommit(false);
            statement.executeQuery("SELECT count(*) FROM f").close();
            Thread.sleep(700);
            JsonObject outcome = Caretaken.outcome(server.maintain("public.f"), "public.f");
            assertThat(outcome.getString("outcome")).isEqualTo("skipped");
            assertThat(outcome.getString("reason")).contains("in a transaction since");
        }
        try (Connection writer = connect(server);
                Statement statement = writer.createStatement();
                Connection behind = connect(server);
                Statement second = behind.createStatement();
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            writer.setAutoCommit(false);
            statement.execute("LOCK TABLE f_default IN SHARE MODE");
            Future<JsonObject> maintenance = threads.submit(() -> server.maintain("public.f"));
            second.setQueryTimeout(5);
            second.execute("SELECT count(*) FROM f"); // whoever comes behind it waits no longer than lock-timeout
            assertThat(Caretaken.outcome(maintenance.get(), "public.f").getString("outcome"))
                    .isNotEqualTo("done");
        }
        done(server.maintain("public.f"), "public.f");
    }

    @EachVersion
    void refusesToMakeThousandsOfPartitionsForOneRow(int major) {
        Caretaken server = on(major);
        Partitioned app = server.app().byDay("public.g").grant();
        app.config("public.g", "ignore_default_data = false");
        app.sql("INSERT INTO g (id, at) VALUES (1, now()), (2, now() + interval '40 years')");
        int partitions = app.partitions("public.g");
        assertThat(failed(server.maintain("public.g"), "public.g").getString("reason"))
                .contains("pg_partman would make 146");
        assertThat(app.partitions("public.g")).isEqualTo(partitions);
        app.sql("DELETE FROM g WHERE id = 2");
        done(server.maintain("public.g"), "public.g");
    }

    @EachVersion
    void tellsSubscribersOfNewPartitions(int major) {
        Caretaken server = on(major);
        server.app()
                .byNumber("public.h")
                .grant()
                .sql("CREATE PUBLICATION news FOR TABLE h", "INSERT INTO h VALUES (15000)");
        assertThat(done(server.maintain("public.h"), "public.h").getString("reason"))
                .contains("publication news")
                .contains("REFRESH PUBLICATION");
    }

    @EachVersion
    void isNotFooledByALockThatTheProcedureHasLeft(int major) throws Exception {
        Caretaken server = on(major);
        Partitioned app = server.app().byNumber("public.i_broken").grant();
        app.sql("INSERT INTO i_broken VALUES (15000)");
        app.config("public.i_broken", "partition_interval = 'nonsense'");
        try (Connection pooled = server.server().connect("app", "postgres", "");
                Statement statement = pooled.createStatement()) {
            if (major < 18) { // which set it stumbles over is its own choice
                assertThatThrownBy(() -> statement.execute("CALL partman.run_maintenance_proc()"))
                        .isInstanceOf(SQLException.class);
            }
            statement.execute("SELECT pg_advisory_lock(hashtext('pg_partman run_maintenance'))");
            app.byNumber("public.i").grant().sql("INSERT INTO i VALUES (15000)");
            JsonObject outcome = failed(server.maintain("public.i"), "public.i");
            assertThat(outcome.getString("reason"))
                    .contains("another maintenance runs: pid")
                    .contains("pg_terminate_backend");
        }
        app.config("public.i_broken", "automatic_maintenance = 'off'");
        done(server.maintain("public.i"), "public.i");
    }

    @EachVersion
    @Tag("full")
    void keepsAheadForAMonth(int major) {
        Caretaken server = on(major);
        Partitioned app = server.app()
                .byDay("public.j", "CURRENT_TIMESTAMP - interval '31 days'")
                .grant();
        app.sql("DO $$ DECLARE p regclass; BEGIN FOR p IN SELECT relid FROM pg_partition_tree('j') WHERE isleaf"
                + " AND pg_get_expr((SELECT relpartbound FROM pg_class WHERE oid = relid), relid) <> 'DEFAULT'"
                + " AND substring(relid::text from '[0-9_]+$') > to_char(now() - interval '27 days', CASE WHEN relid::text ~ '_p20.._' "
                + " THEN 'YYYY_MM_DD' ELSE 'YYYYMMDD' END) LOOP EXECUTE 'DROP TABLE ' || p; END LOOP; END $$");
        for (int day = 31; day >= 0; day--) {
            app.sql("INSERT INTO j (id, at) SELECT g, now() - interval '%d days' FROM generate_series(1, 10) AS g"
                    .formatted(day));
            done(
                    Caretaken.order(server.agent(), "/v1/partitions/maintenance", Caretaken.request("public.j")),
                    "public.j");
        }
        assertThat(app.inDefault("public.j")).isZero();
        done(server.maintain("public.j"), "public.j");
        assertThat(server.set("public.j").getLong("secondsUntilDefault")).isBetween(4 * 86_400L, 5 * 86_400L);
        app.config("public.j", "retention = '10 days', retention_keep_table = false");
        assertThat(done(server.maintain("public.j"), "public.j").getLong("dropped"))
                .isBetween(20L, 22L);
        assertThat(app.query("SELECT count(*) FROM j")).isIn("100", "110", "120");
    }

    @EachVersion
    void knowsTimesThatAreNumbers(int major) {
        Caretaken server = on(major);
        Partitioned app = server.app().byEpoch("public.l").grant();
        app.config("public.l", "ignore_default_data = true");
        app.sql(
                "INSERT INTO l SELECT extract(epoch FROM now() + g * interval '1 day') * 1000 FROM generate_series(0, 5) AS g");
        assertThat(failed(server.maintain("public.l"), "public.l").getString("hint"))
                .contains("rescue");
        assertThat(server.set("public.l").getLong("secondsUntilDefault")).isBetween(4 * 86_400L, 5 * 86_400L);
        assertThat(server.rescue("public.l").getJsonObject("result").getLong("rows"))
                .isEqualTo(1);
        done(server.maintain("public.l"), "public.l");
        assertThat(server.set("public.l").getLong("secondsUntilDefault")).isBetween(9 * 86_400L, 10 * 86_400L);
        assertThat(app.query("SELECT count(*) FROM l")).isEqualTo("6");
    }

    @EachVersion
    void leavesNoGapInASetOfAnotherTimeZone(int major) {
        Caretaken server = on(major);
        Partitioned app = server.app();
        Map<String, String> intervals = major == 15
                ? Map.of(
                        "o",
                        "p_type => 'native', p_interval => 'daily'",
                        "o_h",
                        "p_type => 'native', p_interval => 'hourly'")
                : Map.of("o", "p_interval => '1 day'", "o_h", "p_interval => '1 hour'");
        intervals.forEach((table, interval) -> app.sql(
                "CREATE TABLE %s (at timestamptz NOT NULL) PARTITION BY RANGE (at)".formatted(table),
                "ALTER TABLE %s OWNER TO app".formatted(table),
                "SET timezone = 'Europe/Berlin'; SELECT partman.create_parent(p_parent_table => 'public.%s', p_control => 'at', %s)"
                        .formatted(table, interval),
                "INSERT INTO %s VALUES (now() + interval '%s')"
                        .formatted(table, table.equals("o") ? "2 days" : "2 hours")));
        app.grant();
        for (String set : new String[] {"public.o", "public.o_h"}) {
            int partitions = app.partitions(set);
            assertThat(failed(server.maintain(set), set).getString("reason")).contains("named in another time zone");
            assertThat(app.partitions(set)).isEqualTo(partitions);
        }
        app.sql("INSERT INTO o VALUES (now() + interval '6 days')");
        assertThat(server.agent()
                        .order("/v1/partitions/rescue", Caretaken.rescueOf("public.o"))
                        .statusCode())
                .isEqualTo(412);
    }

    @EachVersion
    void isNotStoppedByWhatNobodyExpects(int major) {
        Caretaken server = on(major);
        Partitioned app = server.app()
                .byNumber("public.p_gone")
                .byNumber("public.p_empty")
                .byNumber("public.p_checked")
                .byDay("public.p_odd")
                .byNumber("public.p")
                .grant();
        app.sql(
                "DROP TABLE p_gone CASCADE",
                "INSERT INTO p VALUES (15000), (9000000000000000000)",
                "INSERT INTO p_odd (id, at) VALUES (1, now()), (2, 'infinity'), (3, '290001-01-01')",
                "INSERT INTO p_checked VALUES (45000, now(), 'secret'), (50000, now(), 'secret')",
                "ALTER TABLE p_checked ADD CHECK (note <> 'secret') NOT VALID",
                "DROP TABLE p_empty_p0, p_empty_p10000, p_empty_p20000, p_empty_p30000, p_empty_p40000");
        JsonObject maintenance = server.maintain("public.p");
        if (major == 15) { // version 4 looks at it in sets by number, whatever is set
            assertThat(failed(maintenance, "public.p").getString("reason")).contains("can have none of their own");
        } else {
            assertThat(done(maintenance, "public.p").getLong("made")).isEqualTo(1);
        }
        assertThat(server.set("public.p").getJsonObject("default").getInteger("strayRows"))
                .isEqualTo(1);
        assertThat(server.set("public.p_odd").getJsonObject("default").getInteger("strayRows"))
                .isEqualTo(2);
        assertThat(server.set("public.p_gone").getString("trouble")).contains("no such table");
        assertThat(Caretaken.outcome(server.maintain("public.p_empty"), "public.p_empty")
                        .getString("outcome"))
                .isEqualTo("failed");
        JsonObject rescue = server.rescue("public.p_checked");
        assertThat(rescue.getString("state")).isEqualTo("failed");
        assertThat(rescue.getString("failure"))
                .contains("violates check constraint")
                .as("no row is shown")
                .doesNotContain("secret");
        assertThat(app.inDefault("public.p_checked")).isEqualTo(1);
        app.sql("DELETE FROM partman.part_config WHERE parent_table IN ('public.p_gone', 'public.p_empty')");
    }

    /** Whoever owns a set may make functions and tables in its schema: none of them is called by the superuser's script. */
    @EachVersion({17})
    void givesNobodyASuperusersRights(int major) {
        Caretaken server = on(major);
        Partitioned app = server.app().byNumber("public.q").byNumber("public.q_mighty");
        server.server().sql("CREATE ROLE dba SUPERUSER", "CREATE ROLE mighty", "GRANT dba TO mighty");
        app.sql(
                "ALTER TABLE q_mighty OWNER TO mighty",
                "SET ROLE app; CREATE FUNCTION public.format(text, name) RETURNS text LANGUAGE plpgsql AS"
                        + " $$ BEGIN EXECUTE 'ALTER ROLE app SUPERUSER'; RETURN 'SELECT 1'; END $$");
        app.grant();
        assertThat(server.server().query("SELECT rolsuper FROM pg_roles WHERE rolname = 'app'"))
                .isEqualTo("f");
        assertThat(server.server().query("SELECT pg_has_role('pgsidecar_caretaker', 'dba', 'MEMBER')"))
                .isEqualTo("f");
        app.sql(
                "DROP FUNCTION public.format(text, name)",
                "DELETE FROM partman.part_config WHERE parent_table = 'public.q_mighty'");
    }

    @EachVersion({17, 18})
    void maintainsTimesThatAreInUuids(int major) {
        Caretaken server = on(major);
        Partitioned app = server.app();
        app.sql(
                "CREATE TABLE m (id uuid PRIMARY KEY) PARTITION BY RANGE (id)",
                "ALTER TABLE m OWNER TO app",
                "SELECT partman.create_parent(p_parent_table => 'public.m', p_control => 'id', p_interval => '1 day',"
                        + " p_time_encoder => 'partman.uuid7_time_encoder', p_time_decoder => 'partman.uuid7_time_decoder')",
                "INSERT INTO m SELECT partman.uuid7_time_encoder(now() + interval '2 days')");
        app.grant();
        assertThat(done(server.maintain("public.m"), "public.m").getLong("made"))
                .isEqualTo(2);
        assertThat(server.set("public.m").containsKey("trouble")).isFalse();
    }

    @EachVersion({17, 18})
    void maintainsSetsOfSets(int major) {
        Caretaken server = on(major);
        Partitioned app = server.app();
        app.sql(
                "CREATE TABLE n (id bigint, at timestamptz NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)",
                "ALTER TABLE n OWNER TO app",
                "SELECT partman.create_parent(p_parent_table => 'public.n', p_control => 'at', p_interval => '1 month')",
                "SELECT partman.create_sub_parent(p_top_parent => 'public.n', p_control => 'at', p_interval => '1 day', p_declarative_check => 'yes')",
                "INSERT INTO n VALUES (1, now()), (2, now() + interval '1 month')");
        app.grant();
        String[] sets = app.query("SELECT string_agg(parent_table, ',') FROM partman.part_config"
                        + " WHERE parent_table LIKE 'public.n%'")
                .split(",");
        JsonObject operation = server.maintain(sets);
        assertThat(sets).hasSizeGreaterThan(8);
        for (String set : sets) {
            done(operation, set);
        }
    }

    @EachVersion
    void leavesAloneWhatIsNotToBeMaintained(int major) {
        Caretaken server = on(major);
        Partitioned app = server.app().byNumber("public.k").grant();
        app.sql("INSERT INTO k VALUES (15000)").config("public.k", "undo_in_progress = true");
        await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> assertThat(
                        server.awaitSet("public.k").set("public.k").getString("leftAlone"))
                .contains("undo_in_progress"));
        assertThat(server.agent()
                        .order("/v1/partitions/maintenance", Caretaken.request("public.nothing"))
                        .statusCode())
                .isEqualTo(412);
        assertThat(server.agent()
                        .order("/v1/partitions/maintenance", new JsonObject().put("sets", new JsonArray()))
                        .statusCode())
                .isEqualTo(400);
        assertThat(server.agent()
                        .order("/v1/partitions/maintenance", new JsonObject().put("set", "public.k"))
                        .statusCode())
                .isEqualTo(400);
        assertThat(server.agent()
                        .order(
                                "/v1/partitions/maintenance",
                                new JsonObject().put("databases", new JsonArray().add("other")))
                        .body())
                .contains("not configured: other");
    }
}
