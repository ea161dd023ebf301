package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.agent.AgentProcess.Ended;
import dev.pgsidecar.cluster.Psql;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A DBA at the command line, from a look to a promote. */
@Tag("agent")
class CliIT {

    @TempDir
    Path folder;

    private final Map<String, String> environment = new HashMap<>();

    @Test
    void leadsThroughAFailover() throws Exception {
        try (Trio trio = new Trio(17, folder).startAgents()) {
            environment.putAll(trio.commandLine());

            Ended status = run("status");
            assertThat(status.exitCode()).as(status.output()).isZero();
            assertThat(status.output())
                    .containsPattern("pg-0 +primary +running +1 ")
                    .containsPattern("pg-1 +replica +streaming +1 ")
                    .contains("pg-1(async), pg-2(async)");
            assertThat(new JsonArray(run("status", "--json").output())).hasSize(3);
            assertThat(new JsonObject(run("status", "--json", "--agent", "pg-1").output()).getString("role"))
                    .isEqualTo("replica");

            Ended refused = run("promote", "--agent", "pg-1");
            assertThat(refused.exitCode()).isEqualTo(1);
            assertThat(refused.output())
                    .contains(
                            "upstream: found pg-0 is a primary",
                            "next: to take over from a living primary, pause its writes");

            trio.server("pg-0").kill();
            trio.agent("pg-0").await503("/primary", "down");
            Ended down = run("status");
            assertThat(down.exitCode()).isEqualTo(4);
            assertThat(down.output()).containsPattern("pg-0 +- +down");

            String standby = await().atMost(Duration.ofMinutes(1))
                    .until(
                            () -> Stream.of("pg-1", "pg-2")
                                    .filter(this::wouldBePromoted)
                                    .findFirst(),
                            Optional::isPresent)
                    .orElseThrow();
            Ended promoted = run("promote", "--agent", standby, "--dead", "pg-0", "--waive", "synchronous");
            assertThat(promoted.exitCode()).as(promoted.output()).isZero();
            assertThat(promoted.output()).contains("leave-recovery", "out of recovery, timeline 2", "succeeded");

            Ended operations = run("operations", "--agent", standby);
            assertThat(operations.output()).containsPattern("promote-\\S+ +succeeded +ops");
            String id = operations
                    .output()
                    .lines()
                    .skip(1)
                    .findFirst()
                    .orElseThrow()
                    .split(" ")[0];
            assertThat(run("operations", id, "--agent", standby).output()).contains("most-advanced", "control-file");
            assertThat(run("watch", id, "--agent", standby).exitCode()).isZero();
            Ended tooLate = run("operations", id, "--cancel", "--agent", standby);
            assertThat(tooLate.exitCode()).isEqualTo(1);
            assertThat(tooLate.output()).contains("cannot be cancelled");
            assertThat(run("capabilities", "--agent", standby).output()).contains("promote: possible");
        }
    }

    private boolean wouldBePromoted(String standby) {
        Ended dryRun = run("promote", "--agent", standby, "--dead", "pg-0", "--waive", "synchronous", "--dry-run");
        assertThat(dryRun.output())
                .contains(dryRun.exitCode() == 0 ? "It would be carried out." : "It would be refused.");
        return dryRun.exitCode() == 0;
    }

    @Test
    void looksAfterPartitions() throws Exception {
        try (Caretaken server = new Caretaken(17, folder)) {
            server.app()
                    .byNumber("public.items")
                    .grant()
                    .sql("INSERT INTO items VALUES (15000), (45000), (50001), (9999999)");
            server.start().awaitSet("public.items");
            environment.put(
                    "PGSIDECAR_URL", "http://127.0.0.1:" + server.agent().commandPort());
            environment.put("PGSIDECAR_TOKEN", AgentProcess.OPERATE);
            Ended list = run("partitions");
            assertThat(list.exitCode()).as(list.output()).isZero();
            assertThat(list.output())
                    .containsPattern("app +public.items +10000 +5 .*5000 numbers +2 rows +0 +never")
                    .contains("next run 2090-01-01T00:00:00Z");
            assertThat(run("partitions", "list", "--set", "public.items").output())
                    .containsPattern("public.items_p40000 +40000 +50000")
                    .containsPattern("rows without a partition +50000 +60000 +1 rows");
            assertThat(run("partitions", "list", "--set", "public.nothing").exitCode())
                    .isEqualTo(1);
            assertThat(new JsonObject(run("partitions", "list", "--json").output()).getString("mode"))
                    .isEqualTo("run");

            Ended failed = run("partitions", "maintain", "--database", "app", "--set", "public.items");
            assertThat(failed.exitCode()).as(failed.output()).isEqualTo(4);
            assertThat(failed.output())
                    .contains("1 of 1 sets", "next: pgsidecar partitions rescue --database app --set public.items");
            Ended rehearsed = run("partitions", "rescue", "--database", "app", "--set", "public.items", "--dry-run");
            assertThat(rehearsed.exitCode()).as(rehearsed.output()).isZero();
            assertThat(rehearsed.output()).contains("1 rows in 1 missing partitions; they stay: 1 from 9990000");
            Ended rescued = run("partitions", "rescue", "--database", "app", "--set", "public.items");
            assertThat(rescued.exitCode()).as(rescued.output()).isZero();
            assertThat(rescued.output()).contains("rows: 1", "partitions: 1", "left: 1 from 9990000");
            assertThat(run("partitions", "maintain").output()).contains("app public.items: done");
            assertThat(run("partitions", "maintain", "--set", "public.nothing").exitCode())
                    .isEqualTo(1);
            assertThat(run("partitions", "rescue").exitCode()).isEqualTo(2);
        }
    }

    @Test
    void convertsATable() throws Exception {
        try (Caretaken server = new Caretaken(17, folder)) {
            server.app()
                    .sql(
                            "CREATE TABLE orders (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())",
                            "ALTER TABLE orders OWNER TO app",
                            "INSERT INTO orders (at) SELECT now() - g * interval '6 s' FROM generate_series(1, 100000) AS g");
            Psql.run(
                    server.server(),
                    Path.of("deploy/sql/caretaker.sql").toAbsolutePath(),
                    "--dbname=app",
                    "--set=convert=public.orders");
            server.start();
            environment.put(
                    "PGSIDECAR_URL", "http://127.0.0.1:" + server.agent().commandPort());
            environment.put("PGSIDECAR_TOKEN", AgentProcess.OPERATE);
            Ended refused = convert("--dry-run");
            assertThat(refused.exitCode()).as(refused.output()).isEqualTo(1);
            assertThat(refused.output()).contains("(--waive unique:orders_pkey)", "It would be refused.");
            Ended plan = convert("--dry-run", "--waive", "unique:orders_pkey");
            assertThat(plan.exitCode()).as(plan.output()).isZero();
            assertThat(plan.output())
                    .contains("It would be carried out.", "public.orders: about ", "carried:", "index orders_pkey")
                    .contains("errors that clients may get afterwards:", "ON CONFLICT (id)")
                    .contains("statements that make the new table:");

            Ended converted = convert("--waive", "unique:orders_pkey");
            assertThat(converted.exitCode()).as(converted.output()).isZero();
            assertThat(converted.output())
                    .containsPattern("(copying|comparing) +\\[[#-]{24}\\] +[0-9.]+ %")
                    .contains("100000 rows copied")
                    .contains("Next: pgsidecar partitions finish app-1, or revert app-1");
            assertThat(run("partitions").output())
                    .containsPattern("app-1 +public.orders +.* converted .* pgsidecar partitions finish app-1");
            assertThat(server.agent().getText("/metrics")).contains("pgsidecar_conversion_phase{database=\"app\"");
            assertThat(run("partitions", "pause", "app-1").exitCode())
                    .as("it is too late for that")
                    .isEqualTo(1);
            assertThat(run("partitions", "revert", "--conversion", "app-9").exitCode())
                    .isEqualTo(1);
            assertThat(run("partitions", "finish").exitCode()).isEqualTo(2);
            Ended finished = run("partitions", "finish", "--conversion", "app-1");
            assertThat(finished.exitCode()).as(finished.output()).isZero();
            assertThat(
                            server.app()
                                    .query(
                                            "SELECT relkind || count(*) FROM pg_class, orders WHERE pg_class.oid = 'orders'::regclass GROUP BY relkind"))
                    .isEqualTo("p100000");
        }
    }

    private Ended convert(String... more) {
        List<String> arguments = new ArrayList<>(
                List.of("partitions", "convert", "--database", "app", "--table", "public.orders", "--control", "at"));
        arguments.addAll(List.of("--interval", "1 day"));
        arguments.addAll(List.of(more));
        return run(arguments.toArray(String[]::new));
    }

    @Test
    void saysWhatIsWrong() throws Exception {
        assertThat(run("status", "--url", "http://127.0.0.1:1").exitCode()).isEqualTo(3);
        assertThat(run("promote", "--url", "banana").exitCode()).isEqualTo(3);
        assertThat(run("status", "--agent", "pg-0").exitCode())
                .as("no agents file")
                .isEqualTo(2);
        assertThat(run("status", "--token-file", "/nope").output()).contains("token file /nope: does not exist");
        assertThat(run("watch").exitCode()).isEqualTo(2);
        assertThat(run("operations", "--cancel").exitCode()).isEqualTo(2);
        environment.put(
                "PGSIDECAR_AGENTS",
                Files.writeString(folder.resolve("bad.yaml"), "- x").toString());
        Ended bad = run("status", "--agent", "pg-0");
        assertThat(bad.exitCode()).isEqualTo(2);
        assertThat(bad.output()).contains("bad.yaml holds no lines such as");
    }

    @Test
    void makesTokens() throws Exception {
        Ended made = run("token", "create", "--name", "ops", "--permission", "operate", "--expires", "90d");
        assertThat(made.exitCode()).isZero();
        assertThat(made.output())
                .containsPattern("ops operate \\S+Z \\S+Z sha256:[0-9a-f]{64}")
                .containsPattern("shown this once: pgs_[A-Za-z0-9_-]{43}");
        assertThat(run("token", "create", "--name", "ops", "--permission", "all")
                        .exitCode())
                .isEqualTo(2);
        assertThat(run("token", "create", "--name", "a b", "--permission", "view")
                        .exitCode())
                .isEqualTo(2);
        assertThat(run("token", "create", "--name", "ops", "--permission", "view", "--expires", "soon")
                        .exitCode())
                .isEqualTo(2);
        assertThat(run("token", "create").exitCode()).isEqualTo(2);
    }

    private Ended run(String... arguments) {
        return AgentProcess.run(folder, environment, arguments);
    }
}
