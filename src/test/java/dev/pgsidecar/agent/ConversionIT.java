package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Partitioned;
import dev.pgsidecar.config.Configuration;
import dev.pgsidecar.config.Settings;
import dev.pgsidecar.postgres.ConversionWork;
import dev.pgsidecar.postgres.PartmanSession;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.Conversion.Phase;
import dev.pgsidecar.suite.EachVersion;
import io.vertx.core.Vertx;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

    @EachVersion({17})
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
        assertSame(app, "a", "pgsidecar_converted.a");
        assertSame(app, "pgsidecar_converted.a", "a");
        JsonObject finished = act(server, operation, "finish");
        assertThat(finished.getString("state")).as(finished.encodePrettily()).isEqualTo("succeeded");
        assertThat(app.query("SELECT to_regclass('pgsidecar_converted.a') IS NULL"))
                .isEqualTo("t");
        JsonObject maintained = server.maintain("public.a");
        assertThat(maintained.getString("state"))
                .as(maintained.encodePrettily())
                .isEqualTo("succeeded");
        assertThat(app.inDefault("public.a")).isZero();
    }

    @Test
    void convertsAnEmptyTable() {
        Caretaken server = on(17);
        Partitioned app = orders(server, "o", 0);
        JsonObject operation = convert(server, byDay("o", "unique:o_pkey"));
        app.sql("INSERT INTO o (amount) VALUES (1)");
        assertThat(app.inDefault("public.o")).isZero();
        assertThat(act(server, operation, "revert").getString("state")).isEqualTo("succeeded");
        assertThat(app.query("SELECT count(*) FROM o")).isEqualTo("1");
        assertNothingLeft(app, "o");
    }

    /** Clients write all the time, in every way there is: one that fails, or a row that is not as the ledger says, is an error. */
    @ParameterizedTest
    @CsvSource({"b, b_pkey", "m, m_key"})
    void followsWhatClientsWriteAndTakesItBack(String table, String key) throws Exception {
        Caretaken server = on(17);
        Partitioned app = orders(server, table, 10_000).asApp(Clients.again(table));
        if (key.endsWith("_key")) { // no key any more in the new table
            app.asApp(
                    "ALTER TABLE %1$s DROP CONSTRAINT %1$s_pkey".formatted(table),
                    "CREATE UNIQUE INDEX %s ON %s (id)".formatted(key, table));
        }
        try (Clients clients = Clients.on(server.server(), table)) {
            clients.await(50);
            JsonObject operation = convert(server, byDay(table, "unique:" + key));
            clients.await(50);
            assertSame(app, table, "pgsidecar_converted." + table);
            JsonObject reverted = act(server, operation, "revert");
            assertThat(reverted.getString("state"))
                    .as(reverted.encodePrettily())
                    .isEqualTo("succeeded");
            clients.await(50);
            clients.stop();
            assertThat(clients.failures()).isEmpty();
            assertThat(clients.wrong()).isEmpty();
        }
        assertThat(app.query("SELECT relkind FROM pg_class WHERE oid = '%s'::regclass".formatted(table)))
                .isEqualTo("r");
        assertNothingLeft(app, table);
    }

    /** They see nothing of what is copied while they run, and there is no moment without one of them. */
    @Test
    void isNotKeptWaitingByClientsOfAStricterLevel() throws Exception {
        Caretaken server = on(17);
        Partitioned app = orders(server, "s", 5_000);
        app.asApp(Clients.again("s"))
                .sql("ALTER DATABASE app SET default_transaction_isolation = 'repeatable read'"); // the agent's own,
        // too
        try (Clients clients = Clients.strictlyOn(server.server(), "s")) {
            clients.await(50);
            JsonObject operation = convert(server, byDay("s", "unique:s_pkey"));
            clients.await(50);
            assertThat(act(server, operation, "revert").getString("state")).isEqualTo("succeeded");
            clients.await(50);
            clients.stop();
            assertThat(clients.failures()).isEmpty();
            assertThat(clients.wrong()).isEmpty();
        } finally {
            app.sql("ALTER DATABASE app RESET default_transaction_isolation");
        }
        assertNothingLeft(app, "s");
    }

    /**
     * Transactions that began before the rows were copied commit while the swap waits for the last of them: what they leave to
     * the agent is done whoever else writes these rows at that moment, and whatever other keys there are.
     */
    @Test
    void makesEqualWhatIsCommittedLate() throws Exception {
        Caretaken server = on(17);
        Partitioned app = server.app();
        app.asApp(
                        "CREATE TABLE n (id numeric PRIMARY KEY, customer int, at timestamptz NOT NULL, note text, UNIQUE (customer, at))",
                        "INSERT INTO n SELECT g, g, date_trunc('day', now()) - g % 5 * interval '1 day', 'old' FROM generate_series(1, 500) AS g")
                .grantFor("public.n");
        Vertx vertx = Vertx.vertx();
        try (Connection late = strict(server);
                Connection last = strict(server);
                Connection client = server.server().connect("app", "app", "");
                PartmanSession session =
                        PartmanSession.toWork(vertx, settings(server), "app", "conversion", Duration.ofSeconds(10))) {
            ConversionWork work = new ConversionWork(session);
            String id = new JsonObject(server.agent()
                            .order(PATH, byDay("n", "unique:n_pkey"))
                            .body())
                    .getString("id");
            await("the swap").atMost(Duration.ofSeconds(120)).until(() -> isAt(server, id, "swap"));
            try (Statement statement = late.createStatement()) {
                statement.execute("DELETE FROM n WHERE id = 1");
                statement.execute("INSERT INTO n SELECT 1000, 1, date_trunc('day', now()) - interval '1 day', 'new'");
                statement.execute("DELETE FROM n WHERE id BETWEEN 101 AND 130");
                late.commit();
            }
            drain(work, app, 2);
            client.setAutoCommit(false);
            for (int row = 101; row <= 130; row++) {
                int pause = row * 7 % 40;
                try (Statement statement = client.createStatement()) {
                    statement.execute(
                            "INSERT INTO n SELECT %1$d, %1$d, date_trunc('day', now()) - %1$d %% 5 * interval '1 day', 'again'"
                                    .formatted(row));
                }
                Thread commit = Thread.ofVirtual().start(() -> {
                    try {
                        Thread.sleep(pause);
                        client.commit();
                    } catch (SQLException | InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                });
                drain(work, app, 1);
                commit.join();
            }
            try (Statement statement = client.createStatement()) {
                statement.execute("UPDATE n SET id = 3.0 WHERE id = 3");
                client.commit();
            }
            last.commit();
            JsonObject ended = server.agent().awaitEnd(id);
            assertThat(ended.getString("state")).as(ended.encodePrettily()).isEqualTo("succeeded");
            assertSame(app, "n", "pgsidecar_converted.n");
            assertSame(app, "pgsidecar_converted.n", "n");
            assertThat(
                            app.query(
                                    "SELECT string_agg(id || ' ' || note, ', ' ORDER BY id) FROM n WHERE id IN (1, 3, 101, 1000)"))
                    .isEqualTo("3.0 old, 101 again, 1000 new");
            assertThat(act(server, ended, "finish").getString("state")).isEqualTo("succeeded");
        } finally {
            vertx.close();
        }
    }

    /** As the agent does, at the same time. */
    private static void drain(ConversionWork work, Partitioned app, int notes) throws Exception {
        long id = Long.parseLong(
                app.query("SELECT id FROM pgsidecar_conversion.pgsidecar_conversion WHERE spec ->> 'name' = 'n'"));
        long done = 0;
        while (done < notes) {
            try {
                done += work.drain(id, Set.of(Phase.VERIFIED), notes, Long.MAX_VALUE)
                        .notes();
            } catch (PostgresException e) {
                assertThat(e.sqlState()).as(e.getMessage()).contains("55P03");
            }
        }
    }

    private static Settings settings(Caretaken server) throws Exception {
        return Configuration.load(
                        Optional.of(Path.of("src/test/resources/empty.yaml")),
                        Map.of(
                                "pgsidecar.state-dir",
                                Files.createTempDirectory("conversion").toString(),
                                "pgsidecar.postgres.port",
                                "" + server.server().port()),
                        Map.of())
                .settings();
    }

    private static Connection strict(Caretaken server) throws SQLException {
        Connection connection = server.server().connect("app", "app", "");
        connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
        connection.setAutoCommit(false);
        connection.createStatement().execute("SELECT 1");
        return connection;
    }

    /** What the table has, as the catalog tells it; names of the tables themselves left out. */
    private static final String CARRIED = """
            SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
              SELECT format('column %s %s %s %s %s %s %s', attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
                attstorage, attcompression) || coalesce(pg_get_expr(adbin, adrelid), '') || coalesce(attacl::text, '')
                || coalesce(col_description(attrelid, attnum), '') AS line
              FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
              WHERE attrelid = 'e'::regclass AND attnum > 0 AND NOT attisdropped
              UNION ALL SELECT 'constraint ' || conname || pg_get_constraintdef(oid) || coalesce(obj_description(oid, 'pg_constraint'), '')
              FROM pg_constraint WHERE conrelid = 'e'::regclass AND contype IN ('c', 'f')
              UNION ALL SELECT 'index ' || substring(replace(pg_get_indexdef(indexrelid), ' ONLY ', ' ') FROM 'INDEX (.*)')
                || coalesce(obj_description(indexrelid, 'pg_class'), '')
              FROM pg_index WHERE indrelid = 'e'::regclass AND NOT indisunique
              UNION ALL SELECT 'trigger ' || tgname || tgenabled::text || pg_get_triggerdef(oid) FROM pg_trigger
              WHERE tgrelid = 'e'::regclass AND NOT tgisinternal AND tgname !~ 'pgsidecar'
              UNION ALL SELECT 'policy ' || polname || pg_get_expr(polqual, polrelid) || polroles::regrole[]::text FROM pg_policy
              WHERE polrelid = 'e'::regclass
              UNION ALL SELECT 'statistics ' || pg_get_statisticsobjdef(oid) FROM pg_statistic_ext WHERE stxrelid = 'e'::regclass
              UNION ALL SELECT format('table %s %s %s %s', relrowsecurity, relreplident, pg_get_userbyid(relowner), obj_description(oid, 'pg_class'))
                || relacl::text FROM pg_class WHERE oid = 'e'::regclass
              UNION ALL SELECT 'view ' || pg_get_viewdef('e_view'::regclass) || (SELECT relacl::text || reloptions::text FROM pg_class WHERE oid = 'e_view'::regclass)) AS all_of_it""";

    @EachVersion
    void carriesWhatTheTableHas(int major) {
        Caretaken server = on(major);
        Partitioned app = server.app();
        app.sql("CREATE ROLE e_reader")
                .asApp(
                        "CREATE TABLE e_customers (id bigint PRIMARY KEY)",
                        "INSERT INTO e_customers VALUES (1), (2)",
                        "CREATE TABLE e (gone int, id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number serial, at timestamptz NOT NULL DEFAULT now(),"
                                + " customer bigint DEFAULT 1 REFERENCES e_customers ON DELETE CASCADE, \"Amount\" numeric DEFAULT 7 CHECK (\"Amount\" > 0),"
                                + " twice numeric GENERATED ALWAYS AS (\"Amount\" * 2) STORED, note text COMPRESSION pglz) WITH (fillfactor = 70)",
                        "ALTER TABLE e DROP COLUMN gone",
                        "ALTER TABLE e ALTER note SET STORAGE EXTERNAL",
                        "CREATE INDEX e_note ON e (lower(note)) WHERE note IS NOT NULL",
                        "CREATE INDEX e_at ON e USING brin (at)",
                        "CREATE STATISTICS e_stat ON customer, number FROM e",
                        "COMMENT ON TABLE e IS 'orders'",
                        "COMMENT ON COLUMN e.note IS 'a note'",
                        "COMMENT ON INDEX e_note IS 'by note'",
                        "COMMENT ON CONSTRAINT e_customer_fkey ON e IS 'whose'",
                        "GRANT SELECT ON e TO e_reader",
                        "GRANT UPDATE (note) ON e TO e_reader WITH GRANT OPTION",
                        "ALTER TABLE e ENABLE ROW LEVEL SECURITY",
                        "CREATE POLICY e_policy ON e FOR SELECT TO e_reader USING (customer = 1)",
                        "CREATE TABLE e_log (id bigint)",
                        "CREATE FUNCTION e_audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO e_log VALUES (NEW.id); RETURN NEW; END $$",
                        "CREATE TRIGGER e_before BEFORE INSERT ON e FOR EACH ROW EXECUTE FUNCTION e_audit()",
                        "CREATE TRIGGER e_off AFTER UPDATE OF note ON e FOR EACH ROW WHEN (NEW.note = 'x') EXECUTE FUNCTION e_audit()",
                        "ALTER TABLE e DISABLE TRIGGER e_off",
                        "ALTER TABLE e REPLICA IDENTITY FULL",
                        "CREATE VIEW e_view WITH (security_barrier = true) AS SELECT id, note FROM e WHERE customer = 1",
                        "GRANT SELECT ON e_view TO e_reader",
                        "INSERT INTO e (at, note) SELECT now() - g % 5 * interval '1 day', g FROM generate_series(1, 500) AS g")
                .grantFor("public.e");
        String before = app.query(CARRIED);
        String rows = app.query("SELECT md5(string_agg(e::text, '' ORDER BY id)) FROM e");
        JsonObject operation = convert(server, byDay("e", "unique:e_pkey"));
        assertThat(app.query(CARRIED)).isEqualTo(before);
        assertThat(app.query("SELECT md5(string_agg(e::text, '' ORDER BY id)) FROM e"))
                .isEqualTo(rows);
        assertThat(app.query("SELECT count(*) FROM e_log"))
                .as("no trigger has fired")
                .isEqualTo("500");
        app.asApp("INSERT INTO e (note) VALUES ('new')", "DELETE FROM e_customers WHERE id = 2");
        assertThat(app.query("SELECT id || ' ' || number FROM e WHERE note = 'new'"))
                .isEqualTo("501 501");
        assertThat(app.query("SELECT count(*) FROM e_log")).as("once").isEqualTo("501");
        assertThat(app.query("SELECT count(*) FROM e_view WHERE note = 'new'")).isEqualTo("1");
        assertThat(app.query(
                        "SELECT bool_and(reloptions::text LIKE '%fillfactor=70%') FROM pg_inherits JOIN pg_class ON oid = inhrelid"
                                + " WHERE inhparent = 'e'::regclass"))
                .isEqualTo("t");
        assertThat(act(server, operation, "revert").getString("state")).isEqualTo("succeeded");
        assertThat(app.query(CARRIED)).isEqualTo(before);
        app.asApp("INSERT INTO e (note) VALUES ('newer')");
        assertThat(app.query("SELECT id || ' ' || number FROM e WHERE note = 'newer'"))
                .isEqualTo("502 502");
        assertNothingLeft(app, "e");
    }

    @Test
    void truncatesAndGrantsAreFollowed() {
        Caretaken server = on(17);
        Partitioned app = orders(server, "f", 300_000);
        var accepted = server.agent().order(PATH, byDay("f", "unique:f_pkey"));
        assertThat(accepted.statusCode()).as(accepted.body()).isEqualTo(202);
        awaitPhase(server, "public.f", "attached");
        app.sql("TRUNCATE f", "INSERT INTO f (amount) SELECT g FROM generate_series(1, 10) AS g");
        app.sql("SET session_replication_role = replica", "INSERT INTO f (amount) VALUES (11)");
        app.sql("CREATE ROLE f_reader", "GRANT SELECT ON f TO f_reader");
        JsonObject ended = server.agent().awaitEnd(new JsonObject(accepted.body()).getString("id"));
        assertThat(ended.getString("state")).as(ended.encodePrettily()).isEqualTo("succeeded");
        assertThat(app.query("SELECT count(*) FROM f")).isEqualTo("11");
        assertThat(app.query("SELECT has_table_privilege('f_reader', 'f', 'SELECT')"))
                .isEqualTo("t");
        app.sql("TRUNCATE f");
        assertThat(app.query("SELECT count(*) FROM pgsidecar_converted.f")).isEqualTo("0");
        assertThat(act(server, ended, "finish").getString("state")).isEqualTo("succeeded");
        assertThat(app.query("SELECT to_regclass('pgsidecar_converted.f') IS NULL"))
                .isEqualTo("t");
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
        await("the list knows it")
                .until(() ->
                        !server.database().getJsonArray("conversions").encode().contains("public.c"));

        accepted = server.agent().order(PATH, byDay("c", "unique:c_pkey"));
        id = new JsonObject(accepted.body()).getString("id");
        JsonObject conversion = awaitPhase(server, "public.c", "attached");
        String name = conversion.getString("id");
        Caretaken.order(server.agent(), PATH + "/" + name + "/pause", new JsonObject());
        String state =
                "SELECT paused || ' ' || rows FROM pgsidecar_conversion.pgsidecar_conversion WHERE spec ->> 'name' = 'c'";
        await().pollDelay(Duration.ofMillis(800)).until(() -> true); // the batch that was under way has ended
        String rests = app.query(state);
        assertThat(rests).startsWith("true ");
        await().pollDelay(Duration.ofMillis(800)).until(() -> true);
        assertThat(app.query(state)).isEqualTo(rests);
        Caretaken.order(server.agent(), PATH + "/" + name + "/resume", new JsonObject());
        Caretaken.order(server.agent(), PATH + "/" + name + "/cancel", new JsonObject());
        assertThat(server.agent().awaitEnd(id).getString("state")).isEqualTo("failed");
        assertNothingLeft(app, "c");
        assertThat(app.query(CATALOG.formatted("c"))).isEqualTo(before);
    }

    /** A step that is over in a moment is kept waiting by a lock, as a client would have it. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            attach triggers | LOCK TABLE %s IN ROW EXCLUSIVE MODE
            copy            |
            verify          |
            prepare         | LOCK TABLE ONLY pgsidecar_conversion.%s_default IN ACCESS SHARE MODE
            swap            | LOCK TABLE %s IN ACCESS SHARE MODE
            """)
    void cancelsAtEachStep(String step, String lock) throws Exception {
        Caretaken server = on(17);
        String table = "k_" + step.substring(0, 4);
        Partitioned app = orders(server, table, 100_000);
        String before = app.query(CATALOG.formatted(table));
        try (Connection holder = server.server().connect("app", "app", "");
                Statement statement = holder.createStatement()) {
            holder.setAutoCommit(false);
            if (lock != null && !step.equals("prepare")) {
                statement.execute(lock.formatted(table));
            }
            String id = new JsonObject(server.agent()
                            .order(PATH, byDay(table, "unique:" + table + "_pkey"))
                            .body())
                    .getString("id");
            if (step.equals("prepare")) {
                String there = "SELECT to_regclass('pgsidecar_conversion.%s_default') IS NOT NULL".formatted(table);
                await("the new table").pollInterval(Duration.ofMillis(5)).until(() -> app.query(there)
                        .equals("t"));
                statement.execute(lock.formatted(table));
            }
            await(step)
                    .atMost(Duration.ofSeconds(120))
                    .pollInterval(Duration.ofMillis(5))
                    .until(() -> isAt(server, id, step));
            server.agent().command("DELETE", "/v1/operations/" + id, AgentProcess.OPERATE, "");
            await("it is heard").until(() -> app.query("SELECT count(*) FROM pgsidecar_conversion.pgsidecar_conversion"
                            + " WHERE spec ->> 'name' = '%s' AND phase <> 'cancelling'".formatted(table))
                    .equals("0"));
            holder.rollback();
            JsonObject ended = server.agent().awaitEnd(id);
            assertThat(ended.getString("state")).as(ended.encodePrettily()).isEqualTo("cancelled");
        }
        assertNothingLeft(app, table);
        assertThat(app.query(CATALOG.formatted(table))).isEqualTo(before);
    }

    private static boolean isAt(Caretaken server, String id, String step) {
        JsonObject operation = server.agent().look("/v1/operations/" + id);
        assertThat(operation.getString("state")).as(operation.encodePrettily()).isEqualTo("running");
        return operation.getJsonArray("steps").stream()
                .map(JsonObject.class::cast)
                .anyMatch(each -> each.getString("name").equals(step));
    }

    /**
     * Somebody changes a customer and then its orders; the agent, which drops the old table with its foreign key in the end, locks
     * them the other way round. Whichever of them PostgreSQL would choose, it is the agent who gives up. While it copies it locks
     * no customer, so the one that somebody holds all the time does not matter.
     */
    @Test
    void deadlocksAreTheAgents() throws Exception {
        Caretaken server = on(17);
        Partitioned app = server.app();
        app.asApp(
                        "CREATE TABLE l_customers (id bigint PRIMARY KEY, changes int NOT NULL DEFAULT 0)",
                        "INSERT INTO l_customers SELECT generate_series(0, 99)",
                        "CREATE TABLE l (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), note text,"
                                + " customer bigint NOT NULL REFERENCES l_customers)",
                        "INSERT INTO l (at, customer) SELECT now() - g % 30 * interval '1 day', g % 100 FROM generate_series(1, 40000) AS g")
                .grantFor("public.l");
        app.sql("ALTER SYSTEM SET deadlock_timeout = '500ms'", "SELECT pg_reload_conf()");
        AtomicBoolean stop = new AtomicBoolean();
        AtomicLong done = new AtomicLong();
        Thread client = Thread.ofVirtual().start(() -> {
            try (Connection connection = server.server().connect("app", "app", "");
                    Statement statement = connection.createStatement()) {
                connection.setAutoCommit(false);
                Random random = new Random(1);
                while (!stop.get()) {
                    int customer = random.nextInt(99);
                    statement.execute("UPDATE l_customers SET changes = changes + 1 WHERE id = %d".formatted(customer));
                    Thread.sleep(3);
                    statement.execute("UPDATE l SET note = 'changed %d' WHERE customer = %d AND id %% 1000 = %d"
                            .formatted(done.get(), customer, customer));
                    connection.commit();
                    done.incrementAndGet();
                    Thread.sleep(20);
                }
            } catch (SQLException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        AtomicReference<Throwable> failure = new AtomicReference<>();
        client.setUncaughtExceptionHandler((_, e) -> failure.set(e));
        try (Connection holder = server.server().connect("app", "app", "")) {
            holder.setAutoCommit(false);
            holder.createStatement().execute("SELECT FROM l_customers WHERE id = 99 FOR UPDATE");
            String id = new JsonObject(server.agent()
                            .order(PATH, byDay("l", "unique:l_pkey"))
                            .body())
                    .getString("id");
            await("the swap, which its old snapshot does keep waiting")
                    .atMost(Duration.ofSeconds(120))
                    .until(() -> isAt(server, id, "swap"));
            holder.commit();
            JsonObject operation = server.agent().awaitEnd(id);
            assertThat(operation.getString("state"))
                    .as(operation.encodePrettily())
                    .isEqualTo("succeeded");
            long before = done.get();
            await().until(() -> done.get() > before + 10);
            assertSame(app, "l", "pgsidecar_converted.l");
            assertThat(act(server, operation, "finish").getString("state")).isEqualTo("succeeded");
        } finally {
            stop.set(true);
            client.join();
            app.sql("ALTER SYSTEM RESET deadlock_timeout", "SELECT pg_reload_conf()");
        }
        assertThat(failure.get()).isNull();
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
                    + " SELECT nspname || coalesce(nspacl, acldefault('n', nspowner))::text FROM pg_namespace UNION ALL SELECT proname::text FROM pg_proc WHERE proname"
                    + " ~ 'pgsidecar') AS all_of_it";

    private static JsonObject awaitPhase(Caretaken server, String table, String phase) {
        return await(table + " " + phase)
                .atMost(Duration.ofSeconds(120))
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
