package dev.pgsidecar.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Standby;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A real Prometheus scrapes agents; what dashboards ask it gets an answer. */
@Tag("agent")
class PrometheusIT {

    private static final Path PROMETHEUS = Path.of("/usr/bin/prometheus");

    @TempDir
    Path folder;

    @BeforeEach
    void prometheusIsThere() {
        assumeThat(PROMETHEUS).as("Debian's package prometheus").exists();
    }

    @Test
    void answersWhatDashboardsAsk() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Map<String, String> settings = new TreeMap<>(cluster.archiveSettings());
            settings.putAll(Map.of("wal_level", "logical", "max_slot_wal_keep_size", "1GB"));
            Postgres primary = cluster.primary("pg-0", settings);
            Postgres standby = cluster.standby("pg-1", primary, Standby.WITH_SLOT);
            primary.sql(
                    "SELECT pg_create_logical_replication_slot('changes', 'pgoutput')",
                    "CREATE TABLE t AS SELECT 1 AS v",
                    "SELECT pg_switch_wal()");
            try (AgentProcess atPrimary = AgentProcess.beside(cluster, primary);
                    AgentProcess atStandby = AgentProcess.beside(cluster, standby);
                    Prometheus prometheus = new Prometheus(folder, cluster, List.of(atPrimary, atStandby))) {
                List<String> queries = queries();
                assertThat(queries).hasSizeGreaterThan(70);
                await().atMost(Duration.ofSeconds(60)).ignoreExceptions().untilAsserted(() -> assertThat(
                                queries.stream()
                                        .filter(query -> prometheus.ask(query).isEmpty()))
                        .as("queries without an answer; %s", prometheus.log())
                        .isEmpty());

                assertThat(prometheus.value("pg_replication_is_replica", atPrimary))
                        .isEqualTo("0");
                standby.promote();
                await().untilAsserted(() -> assertThat(prometheus.value("pg_replication_is_replica", atStandby))
                        .isEqualTo("0"));
                assertThat(prometheus.value("changes(pg_replication_is_replica[1m])", atStandby))
                        .isEqualTo("1");
                primary.kill();
                await().untilAsserted(() -> {
                    assertThat(prometheus.value("pg_up", atPrimary)).isEqualTo("0");
                    assertThat(prometheus.value("up", atPrimary)).isEqualTo("1");
                });
                assertThat(prometheus.ask("pg_replication_slots_active{slot_name=\"changes\"}"))
                        .as("what is not known any more")
                        .isEmpty();
            }
        }
    }

    private static List<String> queries() throws IOException {
        try (Stream<String> lines = Files.lines(Path.of("src/test/resources/dashboard-queries.promql"))) {
            return lines.filter(line -> !line.isBlank() && !line.startsWith("#"))
                    .toList();
        }
    }

    /** A running Prometheus; it works in the cluster's folder, so that it ends with it. */
    private static final class Prometheus implements AutoCloseable {
        private final HttpClient http = HttpClient.newHttpClient();
        private final Process process;
        private final int port;
        private final Path log;

        Prometheus(Path folder, Cluster cluster, List<AgentProcess> agents) throws IOException {
            port = cluster.freePort();
            log = folder.resolve("prometheus.log");
            String targets = agents.stream().map(Prometheus::target).collect(Collectors.joining("', '", "'", "'"));
            Path config = Files.writeString(folder.resolve("prometheus.yml"), """
                    global: { scrape_interval: 500ms }
                    scrape_configs:
                      - job_name: postgres
                        static_configs: [ { targets: [ %s ] } ]
                    """.formatted(targets));
            process = new ProcessBuilder(
                            PROMETHEUS.toString(),
                            "--config.file=" + config,
                            "--storage.tsdb.path=" + folder.resolve("tsdb"),
                            "--web.listen-address=127.0.0.1:" + port)
                    .directory(cluster.folder().toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start();
        }

        private static String target(AgentProcess agent) {
            return "127.0.0.1:" + agent.port();
        }

        /** The series that a query finds. */
        JsonArray ask(String query) {
            try {
                HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:%d/api/v1/query?query=%s"
                                .formatted(port, URLEncoder.encode(query, UTF_8))))
                        .build();
                JsonObject answer = new JsonObject(
                        http.send(request, HttpResponse.BodyHandlers.ofString()).body());
                assertThat(answer.getString("status"))
                        .as("%s: %s", query, answer.getString("error"))
                        .isEqualTo("success");
                return answer.getJsonObject("data").getJsonArray("result");
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }

        /** The value of a query's one series at an agent. */
        String value(String query, AgentProcess agent) {
            return ask(query).stream()
                    .map(JsonObject.class::cast)
                    .filter(series ->
                            series.getJsonObject("metric").getString("instance").equals(target(agent)))
                    .map(series -> series.getJsonArray("value").getString(1))
                    .findFirst()
                    .orElse("none");
        }

        String log() {
            try {
                return Files.readString(log);
            } catch (IOException e) {
                return e.toString();
            }
        }

        @Override
        public void close() {
            process.destroyForcibly();
        }
    }
}
