package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.cluster.Partitioned;
import dev.pgsidecar.cluster.Postgres;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** deploy/grafana: the dashboard is well-formed, and a Prometheus that scraped real agents answers all that it asks. */
@Tag("agent")
class GrafanaIT {

    private static final Path DASHBOARD = Path.of("deploy/grafana/pgsidecar.json");
    private static final int WIDTH = 24;

    @TempDir
    Path folder;

    @Test
    void isWellFormed() throws IOException {
        JsonObject dashboard = dashboard();
        List<JsonObject> panels = objects(dashboard.getJsonArray("panels"));
        assertThat(panels.stream().map(panel -> panel.getInteger("id")))
                .hasSizeGreaterThan(50)
                .doesNotHaveDuplicates();
        Map<String, String> taken = new HashMap<>();
        for (JsonObject panel : panels) {
            String title = panel.getString("title");
            JsonObject place = panel.getJsonObject("gridPos");
            assertThat(place.getInteger("x") + place.getInteger("w")).as(title).isBetween(1, WIDTH);
            for (int x = 0; x < place.getInteger("w"); x++) {
                for (int y = 0; y < place.getInteger("h"); y++) {
                    String cell = (place.getInteger("x") + x) + "," + (place.getInteger("y") + y);
                    assertThat(taken.put(cell, title))
                            .as("what is where %s is, at %s", title, cell)
                            .isNull();
                }
            }
            if (panel.getString("type").equals("row")) {
                continue;
            }
            assertThat(panel.getString("description")).as(title).isNotBlank();
            assertThat(panel.getJsonObject("fieldConfig")
                            .getJsonObject("defaults")
                            .getString("unit"))
                    .as(title)
                    .isNotBlank();
            assertThat(panel.getJsonObject("datasource").getString("uid"))
                    .as(title)
                    .isEqualTo("${datasource}");
            assertThat(objects(panel.getJsonArray("targets")))
                    .as(title)
                    .isNotEmpty()
                    .allMatch(target ->
                            target.getJsonObject("datasource").getString("uid").equals("${datasource}"));
        }
        assertThat(objects(dashboard.getJsonObject("templating").getJsonArray("list")).stream()
                        .map(variable -> variable.getString("name")))
                .containsExactly("datasource", "job", "cluster", "instance");
    }

    @Test
    @Tag("full")
    void asksWhatHasAnAnswer() throws Exception {
        Map<String, String> settings = new TreeMap<>(Map.of("wal_level", "logical", "max_slot_wal_keep_size", "1GB"));
        try (Trio trio = new Trio(17, folder, settings)) {
            Postgres primary = trio.server("pg-0");
            trio.cluster().archiveSettings().forEach(primary::setting);
            primary.restart();
            primary.sql("SELECT pg_create_logical_replication_slot('changes', 'pgoutput')");
            Partitioned.on(primary)
                    .byDay("public.days")
                    .byNumber("public.items")
                    .sql("INSERT INTO items (id) SELECT generate_series(1, 9000)")
                    .grant();
            for (String name : Trio.NAMES) {
                trio.server(name).hba("host pgsidecar,app,postgres pgsidecar 127.0.0.1/32 trust");
                trio.startAgent(
                        name,
                        "PGSIDECAR_PARTITION_DATABASES",
                        Partitioned.DATABASE,
                        "PGSIDECAR_PARTITION_SCHEDULE",
                        Caretaken.NEVER);
            }
            trio.agent("pg-0").await200("/primary");
            trio.awaitPeers("pg-1", "pg-2");
            try (Prometheus prometheus = new Prometheus(
                    folder,
                    trio.cluster(),
                    Map.of("pg-0", trio.agent("pg-0"), "pg-1", trio.agent("pg-1"), "pg-2", trio.agent("pg-2")),
                    "groups: []")) {
                Questions questions = new Questions(prometheus, queries());
                prometheus.awaitScrapes();
                order(trio, "pg-0", "/v1/partitions/maintenance", new JsonObject());
                primary.sql("CREATE TABLE t AS SELECT 1 AS v", "SELECT pg_switch_wal()");
                questions.await(
                        "in the open",
                        query -> !query.contains("_writes_l")
                                && !query.contains("changes(pgsidecar_timeline")
                                && !query.contains("_writes_h")
                                && !query.contains("_probe_failed")
                                && !query.contains("_observation_failures")
                                && !query.contains("_operation_running"));

                JsonObject pause =
                        new JsonObject().put("all", true).put("waitForStandbys", new JsonArray().add("pg-1"));
                Postgres target = trio.server("pg-1");
                target.sql("SELECT pg_wal_replay_pause()"); // so that it runs for longer than a scrape takes to see it
                String pausing = new JsonObject(trio.agent("pg-0")
                                .order("/v1/writes/pause", pause)
                                .body())
                        .getString("id");
                questions.await("while an operation runs", query -> query.contains("_operation_running"));
                target.sql("SELECT pg_wal_replay_resume()");
                JsonObject paused = trio.agent("pg-0").awaitEnd(pausing);
                assertThat(paused.getString("state"))
                        .as(paused.encodePrettily())
                        .isEqualTo("succeeded");
                long generation = paused.getJsonObject("result").getLong("generation");
                questions.await("in a pause", query -> query.contains("_writes_") || query.contains("_probe_failed"));
                order(
                        trio,
                        "pg-0",
                        "/v1/writes/commit",
                        new JsonObject().put("generation", generation).put("target", "pg-1"));
                order(trio, "pg-1", "/v1/promote", new JsonObject().put("generation", generation));
                primary.kill();
                questions.await("after a promote and a crash", query -> true);
                assertThat(prometheus.value("max_over_time(pgsidecar_timeline[1m])", "pg-1"))
                        .isEqualTo("2");
            }
        }
    }

    /** Those that had no answer yet: some have one for a while only. */
    private static final class Questions {
        private final Prometheus prometheus;
        private final Set<String> open;

        Questions(Prometheus prometheus, Set<String> all) {
            this.prometheus = prometheus;
            this.open = new TreeSet<>(all);
        }

        void await(String when, Predicate<String> these) {
            Awaitility.await().atMost(Duration.ofSeconds(60)).ignoreExceptions().untilAsserted(() -> {
                open.removeIf(query -> !prometheus.ask(query).isEmpty());
                assertThat(open.stream().filter(these))
                        .as("without an answer %s", when)
                        .isEmpty();
            });
        }
    }

    private static JsonObject order(Trio trio, String name, String path, JsonObject order) {
        JsonObject operation = Caretaken.order(trio.agent(name), path, order);
        assertThat(operation.getString("state")).as(operation.encodePrettily()).isEqualTo("succeeded");
        return operation;
    }

    /** Each expression as Grafana would send it, with all of every variable chosen. */
    private static Set<String> queries() throws IOException {
        JsonObject dashboard = dashboard();
        Set<String> expressions = objects(dashboard.getJsonArray("panels")).stream()
                .flatMap(panel -> objects(panel.getJsonArray("targets", new JsonArray())).stream())
                .map(target -> target.getString("expr"))
                .collect(Collectors.toCollection(HashSet::new));
        objects(dashboard.getJsonObject("annotations").getJsonArray("list")).stream()
                .map(annotation -> annotation.getString("expr"))
                .filter(expression -> expression != null)
                .forEach(expressions::add);
        Set<String> asked = expressions.stream()
                .map(expression -> expression
                        .replace("$job", "pgsidecar")
                        .replace("$instance", "pg-.*")
                        .replace("[$__rate_interval]", "[30s]"))
                .collect(Collectors.toCollection(TreeSet::new));
        assertThat(asked).hasSizeGreaterThan(60).noneMatch(expression -> expression.contains("$_"));
        return asked;
    }

    private static JsonObject dashboard() throws IOException {
        return new JsonObject(Files.readString(DASHBOARD));
    }

    private static List<JsonObject> objects(JsonArray array) {
        return array.stream().map(JsonObject.class::cast).toList();
    }
}
