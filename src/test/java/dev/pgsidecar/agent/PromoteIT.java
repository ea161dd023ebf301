package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Proxy;
import dev.pgsidecar.suite.EachVersion;
import dev.pgsidecar.suite.Repeated;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One standby is ordered to become the primary. */
@Tag("agent")
class PromoteIT {

    private static final JsonObject PG_0_IS_DEAD = new JsonObject().put("deadPrimary", "pg-0");

    @TempDir
    Path folder;

    @EachVersion
    void makesAPrimaryOfAStandby(int major) {
        try (Trio trio = new Trio(major, folder).startAgents()) {
            Postgres primary = trio.server("pg-0");
            primary.sql("INSERT INTO ledger VALUES (1, 1, 1)");
            trio.cluster().awaitReplay(primary, trio.server("pg-1"));
            primary.kill();

            JsonObject operation = trio.promote("pg-1", PG_0_IS_DEAD);

            assertThat(operation.getString("state"))
                    .as(operation.encodePrettily())
                    .isEqualTo("succeeded");
            assertThat(operation.getJsonObject("result"))
                    .isEqualTo(new JsonObject()
                            .put("startedAt", operation.getJsonObject("result").getString("startedAt"))
                            .put("slotsMade", new JsonArray().add("pg_2"))
                            .put("fromTimeline", 1)
                            .put("timeline", 2)
                            .put("lostLogicalSlots", new JsonArray())
                            .put("warnings", new JsonArray())
                            .put("changed", true));
            assertThat(steps(operation))
                    .containsExactly(
                            "make-slots",
                            "promote",
                            "leave-recovery",
                            "resume-writes",
                            "checkpoint",
                            "control-file",
                            "write",
                            "look-around",
                            "be-seen");
            Postgres promoted = trio.server("pg-1");
            promoted.sql("INSERT INTO ledger VALUES (1, 2, 2)");
            assertThat(promoted.query("SELECT count(*) FROM ledger")).isEqualTo("2");
            assertThat(promoted.query("SELECT timeline_id FROM pg_control_checkpoint()"))
                    .isEqualTo("2");
            assertThat(promoted.queryColumn("SELECT slot_name FROM pg_replication_slots"))
                    .as("for the standby that will follow")
                    .containsExactly("pg_2");
            trio.agent("pg-1").await200("/primary");

            JsonObject again = trio.promote("pg-1", PG_0_IS_DEAD);
            assertThat(again.getJsonObject("result").getBoolean("changed")).isFalse();
            assertThat(promoted.query("SELECT timeline_id FROM pg_control_checkpoint()"))
                    .isEqualTo("2");
        }
    }

    @Test
    void refusesWhatCouldMakeTwoPrimariesOrLoseCommits() {
        try (Trio trio = new Trio(17, folder)) {
            Postgres primary = trio.server("pg-0");
            primary.setting("synchronous_standby_names", "'FIRST 1 (\"pg-1\")'");
            primary.reload();
            trio.startAgents();
            Postgres first = trio.server("pg-1");
            Postgres second = trio.server("pg-2");

            // the primary lives
            assertRefused(trio.agent("pg-1"), PG_0_IS_DEAD, "upstream", "pg-0 is a primary", "pg_ctl stop");

            // pg-2 is cut off, and then the primary dies
            second.sql("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()");
            await().until(() ->
                    second.query("SELECT count(*) FROM pg_stat_wal_receiver").equals("0"));
            primary.sql("INSERT INTO ledger SELECT 1, n, 1 FROM generate_series(1, 1000) AS n");
            trio.cluster().awaitReplay(primary, first);
            primary.kill();
            trio.agent("pg-0").await503("/primary", "down");

            assertRefused(trio.agent("pg-1"), new JsonObject(), "upstream", "silent", "deadPrimary");
            JsonObject problem = assertRefused(
                    trio.agent("pg-2"), PG_0_IS_DEAD, "most-advanced", "pg-1 has received up to", "waive");
            assertThat(failed(problem)).containsExactly("most-advanced", "synchronous");
            assertThat(check(problem, "synchronous").getString("found"))
                    .startsWith("the dead primary called it ")
                    .endsWith("and waited for FIRST 1 (\"pg-1\")");
            // a name that is nobody's is no excuse for a peer that is silent
            assertRefused(
                    trio.agent("pg-1"),
                    new JsonObject().put("deadPrimary", "somebody"),
                    "upstream",
                    "there is no peer \"somebody\", but pg-0, pg-2",
                    "by its name");

            // replay stands still
            first.sql("SELECT pg_wal_replay_pause()");
            assertThat(trio.agent("pg-1")
                            .order("/v1/promote?dryRun=true", PG_0_IS_DEAD)
                            .statusCode())
                    .as("nothing waits for replay")
                    .isEqualTo(200);
            first.sql("SELECT pg_wal_replay_resume()");

            // an agent that is gone is no answer
            trio.agent("pg-2").close();
            assertRefused(trio.agent("pg-1"), PG_0_IS_DEAD, "peers-answer", "pg-2: its agent does not answer", "waive");
            assertThat(second.query("SELECT pg_is_in_recovery()")).isEqualTo("t");
            assertThat(first.query("SELECT pg_is_in_recovery()")).isEqualTo("t");

            JsonObject operation =
                    trio.promote("pg-1", PG_0_IS_DEAD.copy().put("waive", new JsonArray().add("peers-answer")));
            assertThat(operation.getString("state")).isEqualTo("succeeded");
            assertThat(check(operation, "peers-answer").getString("outcome")).isEqualTo("waived");
            assertThat(operation
                            .getJsonObject("result")
                            .getJsonArray("warnings")
                            .encode())
                    .as("its synchronous_standby_names are its own")
                    .isEqualTo("[]");
            assertThat(first.query("SELECT count(*) FROM ledger")).isEqualTo("1000");
        }
    }

    /**
     * The standbys have the beginning of a record of 200 MB, and will never have its end. They read it again and again: with a
     * little of it they wait in between, as long as PostgreSQL's default says, and with much they never do.
     */
    @ParameterizedTest
    @ValueSource(longs = {10_000_000, 60_000_000})
    void takesOverFromAPrimaryThatDiedWhileItSentARecord(long there) throws Exception {
        try (Trio trio = new Trio(17, folder).startAgents()) {
            Postgres primary = trio.server("pg-0");
            Postgres first = trio.server("pg-1");
            Postgres second = trio.server("pg-2");
            primary.sql("INSERT INTO ledger VALUES (1, 1, 1)");
            trio.cluster().awaitReplay(primary, first);
            trio.cluster().awaitReplay(primary, second);
            String whole; // where the torn record begins
            try (Proxy toFirst = between(first, primary);
                    Proxy toSecond = between(second, primary)) {
                primary.setting("wal_sender_timeout", "60s"); // a new stream would begin with an older position
                for (Postgres standby : List.of(first, second)) {
                    standby.setting("wal_receiver_timeout", "60s");
                    standby.setting("wal_retrieve_retry_interval", "5s");
                }
                toFirst.cutAfter(there);
                toSecond.cutAfter(there);
                whole = primary.query("SELECT pg_current_wal_insert_lsn()");
                primary.sql("SELECT pg_logical_emit_message(false, 'pgsidecar', repeat('x', 200000000))");
                await().atMost(Duration.ofSeconds(60))
                        .until(() -> waiting(first) > there / 2 && waiting(second) > there / 2);
                primary.kill();
            }
            trio.agent("pg-0").await503("/primary", "down");
            await().until(() -> Stream.of(first, second)
                    .allMatch(each -> each.query("SELECT count(*) FROM pg_stat_wal_receiver")
                            .equals("0")));
            String most = received(first) >= received(second) ? "pg-1" : "pg-2";
            await("what is whole is replayed").atMost(Duration.ofSeconds(60)).until(() -> trio.server(most)
                    .query("SELECT pg_last_wal_replay_lsn() >= '%s'".formatted(whole))
                    .equals("t"));
            assertThat(waiting(trio.server(most)))
                    .as("of a record whose end never came")
                    .isPositive();

            // The standby reads the torn record again and again, and while it does so replay is refused as not at its
            // end.
            JsonObject operation = new JsonObject(await("the promote is allowed")
                    .atMost(Duration.ofSeconds(120))
                    .until(
                            () -> trio.agent(most).order("/v1/promote", PG_0_IS_DEAD, "Prefer", "wait=60"),
                            answer -> answer.statusCode() == 200)
                    .body());
            assertThat(operation.getString("state")).isEqualTo("succeeded");
            assertThat(check(operation, "replayed").getString("found")).contains("the beginning of a record");
            assertThat(trio.server(most).query("SELECT count(*) FROM ledger")).isEqualTo("1");
        }
    }

    /** From now on the standby streams through a proxy. */
    private static Proxy between(Postgres standby, Postgres primary) {
        Proxy proxy = Proxy.to(primary.port());
        String conninfo = standby.query("SHOW primary_conninfo").replaceAll("port='?\\d+'?", "port=" + proxy.port());
        standby.sql(
                "ALTER SYSTEM SET primary_conninfo = '%s'".formatted(conninfo.replace("'", "''")),
                "SELECT pg_reload_conf()");
        await().atMost(Duration.ofSeconds(30)).until(() -> proxy.connections() == 1);
        await().atMost(Duration.ofSeconds(30))
                .until(() -> standby.query("SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'")
                        .equals("1"));
        return proxy;
    }

    private static long waiting(Postgres standby) {
        return Long.parseLong(standby.query("SELECT (pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn())::bigint"));
    }

    private static long received(Postgres standby) {
        return Long.parseLong(standby.query("SELECT (pg_last_wal_receive_lsn() - '0/0')::bigint"));
    }

    @Test
    void refusesAStandbyThatIsNotReady() {
        try (Trio trio = new Trio(17, folder).startAgents()) {
            Postgres primary = trio.server("pg-0");
            Postgres standby = trio.server("pg-1");
            refusesWhereRightsAreMissing(trio);
            refusesBesideAnotherServer(trio);

            standby.sql("SELECT pg_wal_replay_pause()");
            primary.sql("INSERT INTO ledger SELECT 1, n, 1 FROM generate_series(1, 20000) AS n");
            await().until(() -> standby.query("SELECT pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn() > 1000000")
                    .equals("t"));
            primary.stop();
            assertRefused(trio.agent("pg-1"), PG_0_IS_DEAD, "replayed", "bytes wait", "pg_wal_replay_resume");
            standby.sql("SELECT pg_wal_replay_resume()");

            standby.sql("ALTER SYSTEM SET recovery_min_apply_delay = '1h'", "SELECT pg_reload_conf()");
            assertRefused(trio.agent("pg-1"), PG_0_IS_DEAD, "apply-delay", "3600s", "recovery_min_apply_delay");
            standby.sql("ALTER SYSTEM RESET recovery_min_apply_delay", "SELECT pg_reload_conf()");

            standby.setting("recovery_target_name", "'never'");
            standby.restart();
            trio.agent("pg-1").await200("/health");
            assertRefused(trio.agent("pg-1"), PG_0_IS_DEAD, "recovery-target", "recovery_target_name", "waive");
            standby.setting("recovery_target_name", "''");
            standby.setting("max_replication_slots", "0");
            standby.restart();
            trio.agent("pg-1").await200("/health");
            assertRefused(trio.agent("pg-1"), PG_0_IS_DEAD, "room", "0 free slots", "max_replication_slots");
            standby.setting("max_replication_slots", "20");
            standby.restart();
            trio.agent("pg-1").await200("/health");

            // a clean stop, and what pg_controldata says of it
            String checkpoint = Controldata.latestCheckpoint(primary);
            assertThat(failed(new JsonObject(trio.agent("pg-1")
                            .order("/v1/promote?dryRun=true", expecting(checkpoint))
                            .body())))
                    .isEmpty();
            assertRefused(
                    trio.agent("pg-1"),
                    expecting("7FFFFFFF/0"),
                    "upstream",
                    "received up to",
                    "start the primary again");
            assertThat(trio.promote("pg-1", expecting(checkpoint)).getString("state"))
                    .isEqualTo("succeeded");
        }
    }

    private static void refusesWhereRightsAreMissing(Trio trio) {
        Postgres primary = trio.server("pg-0");
        primary.sqlIn("pgsidecar", "REVOKE EXECUTE ON FUNCTION pg_promote(boolean, integer) FROM pgsidecar");
        trio.cluster().awaitReplay(primary, trio.server("pg-1"));
        JsonObject promote = trio.agent("pg-1").look("/v1/capabilities").getJsonArray("commands").stream()
                .map(JsonObject.class::cast)
                .filter(command -> command.getString("command").equals("promote"))
                .findFirst()
                .orElseThrow();
        assertThat(promote.getBoolean("possible")).isFalse();
        JsonObject rights = check(promote, "rights");
        assertThat(rights.getString("hint"))
                .contains("GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer) TO pgsidecar");
        assertThat(rights.getBoolean("waivable")).isFalse();
        primary.sqlIn("pgsidecar", "GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer) TO pgsidecar");
        trio.cluster().awaitReplay(primary, trio.server("pg-1"));
    }

    private static void refusesBesideAnotherServer(Trio trio) {
        trio.agent("pg-2").close();
        trio.startAgent("pg-2", "PGSIDECAR_POSTGRES_SYSTEM_IDENTIFIER", "12345");
        trio.agent("pg-2").await503("/replica", "wrong-instance");
        assertRefused(
                trio.agent("pg-2"),
                PG_0_IS_DEAD.copy().put("waive", new JsonArray().add("identity")),
                "identity",
                "expected 12345",
                "log");
        trio.agent("pg-2").close();
        trio.startAgent("pg-2").await200("/replica");
        trio.awaitPeers("pg-1");
    }

    @Repeated(3)
    void promotesAtMostOneOfTwoThatAreOrderedAtOnce() throws Exception {
        try (Trio trio = new Trio(17, folder).startAgents();
                ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
            trio.server("pg-0").kill();
            trio.agent("pg-0").await503("/primary", "down");
            List<Future<HttpResponse<String>>> answers = Stream.of("pg-1", "pg-2")
                    .map(name -> callers.submit(
                            () -> trio.agent(name).order("/v1/promote", PG_0_IS_DEAD, "Prefer", "wait=60")))
                    .toList();
            for (Future<HttpResponse<String>> answer : answers) {
                assertThat(answer.get().statusCode()).as(answer.get().body()).isIn(200, 412);
            }
            long primaries = Stream.of("pg-1", "pg-2")
                    .filter(name -> trio.server(name)
                            .query("SELECT pg_is_in_recovery()")
                            .equals("f"))
                    .count();
            assertThat(primaries).isLessThanOrEqualTo(1);
            for (String name : List.of("pg-1", "pg-2")) {
                Postgres server = trio.server(name);
                if (server.query("SELECT pg_is_in_recovery()").equals("t")) {
                    assertThat(server.queryColumn("SELECT slot_name FROM pg_replication_slots"))
                            .as("what a promote that did not happen had made")
                            .isEmpty();
                }
            }
        }
    }

    @Test
    void letsOneOfAHundredOrdersThrough() throws Exception {
        try (Trio trio = new Trio(17, folder).startAgents();
                ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
            trio.server("pg-0").kill();
            List<Future<HttpResponse<String>>> answers = IntStream.range(0, 100)
                    .mapToObj(caller -> callers.submit(() -> trio.agent("pg-1")
                            .order(
                                    "/v1/promote",
                                    PG_0_IS_DEAD,
                                    "Prefer",
                                    "wait=60",
                                    "Idempotency-Key",
                                    "k" + caller % 2)))
                    .toList();
            int promoted = 0;
            for (Future<HttpResponse<String>> future : answers) {
                HttpResponse<String> answer = future.get();
                assertThat(answer.statusCode()).as(answer.body()).isIn(200, 202, 409);
                if (answer.statusCode() != 409) {
                    promoted++;
                }
            }
            assertThat(promoted).isPositive();
            await().until(() -> trio.agent("pg-1").look("/v1/operations").getJsonArray("operations").stream()
                    .map(JsonObject.class::cast)
                    .noneMatch(operation -> operation.getString("state").equals("running")));
            assertThat(trio.agent("pg-1").look("/v1/operations").getJsonArray("operations").stream()
                            .map(JsonObject.class::cast)
                            .filter(operation ->
                                    operation.getJsonObject("result").getBoolean("changed")))
                    .hasSize(1);
            assertThat(trio.server("pg-1").query("SELECT timeline_id FROM pg_control_checkpoint()"))
                    .isEqualTo("2");
        }
    }

    @Test
    void promotesNoSecondStandbyAndCallsAnOldPrimaryThatComesBackSuperseded() throws Exception {
        try (Trio trio = new Trio(17, folder).startAgents()) {
            Postgres old = trio.server("pg-0");
            old.kill();
            trio.promote("pg-1", PG_0_IS_DEAD);
            promotesNoSecondStandby(trio);
            old.start();
            JsonObject answer = trio.agent("pg-0").await503("/primary", "superseded");
            assertThat(answer.getString("detail")).isEqualTo("pg-1 is on timeline 2, this primary on 1");
            trio.agent("pg-0").await503("/readiness", "superseded");
            trio.agent("pg-0").await200("/health");
            trio.agent("pg-1").await200("/primary");

            // its agent begins anew, and never calls it the primary
            trio.agent("pg-0").close();
            AgentProcess anew = trio.startAgent("pg-0");
            await().pollInterval(Duration.ofMillis(10)).until(() -> {
                HttpResponse<String> now = anew.get("/primary");
                assertThat(now.statusCode()).as(now.body()).isEqualTo(503);
                return new JsonObject(now.body()).getString("reason").equals("superseded");
            });

            // a timeline never goes back: also while the newer primary is away
            trio.server("pg-1").kill();
            trio.agent("pg-1").await503("/primary", "down");
            trio.agent("pg-1").process().destroyForcibly();
            for (int observation = 0; observation < 10; observation++) {
                anew.awaitObservations(1);
                assertThat(anew.status("/primary")).isEqualTo(503);
            }
            assertThat(anew.json("/primary").getString("reason")).isEqualTo("superseded");
        }
    }

    private static void promotesNoSecondStandby(Trio trio) throws Exception {
        try (ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<HttpResponse<String>>> answers = IntStream.range(0, 20)
                    .mapToObj(caller -> callers.submit(() -> trio.agent("pg-2").order("/v1/promote", PG_0_IS_DEAD)))
                    .toList();
            for (Future<HttpResponse<String>> answer : answers) {
                assertThat(answer.get().statusCode()).isIn(409, 412);
            }
        }
        assertThat(trio.server("pg-2").query("SELECT pg_is_in_recovery()")).isEqualTo("t");
    }

    private static JsonObject expecting(String checkpoint) {
        return new JsonObject().put("expect", new JsonObject().put("checkpointLsn", checkpoint));
    }

    private static JsonObject assertRefused(
            AgentProcess agent, JsonObject order, String check, String found, String hint) {
        HttpResponse<String> response = agent.order("/v1/promote", order);
        assertThat(response.statusCode()).as(response.body()).isEqualTo(412);
        JsonObject problem = new JsonObject(response.body());
        JsonObject refused = check(problem, check);
        assertThat(refused.getString("outcome")).as(problem.encodePrettily()).isEqualTo("failed");
        assertThat(refused.getString("found")).contains(found);
        assertThat(refused.getString("required")).isNotBlank();
        assertThat(refused.getString("hint")).contains(hint);
        return problem;
    }

    private static JsonObject check(JsonObject body, String name) {
        return body.getJsonArray("checks").stream()
                .map(JsonObject.class::cast)
                .filter(check -> check.getString("name").equals(name))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no check " + name + " in " + body.encodePrettily()));
    }

    private static List<String> failed(JsonObject body) {
        return body.getJsonArray("checks").stream()
                .map(JsonObject.class::cast)
                .filter(check -> check.getString("outcome").equals("failed"))
                .map(check -> check.getString("name"))
                .toList();
    }

    private static List<String> steps(JsonObject operation) {
        return operation.getJsonArray("steps").stream()
                .map(JsonObject.class::cast)
                .peek(step -> assertThat(step.getString("state")).isEqualTo("done"))
                .map(step -> step.getString("name"))
                .toList();
    }
}
