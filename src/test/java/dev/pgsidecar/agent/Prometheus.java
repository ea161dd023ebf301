package dev.pgsidecar.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.TestTools;
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
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** A running Prometheus that scrapes agents twice a second; it works in the cluster's folder, so that it ends with it. */
final class Prometheus implements AutoCloseable {

    private final HttpClient http = HttpClient.newHttpClient();
    private final Process process;
    private final int port;
    private final Path log;
    private final int agents;

    /**
     * Starts it. The job is named pgsidecar, each instance by its agent.
     *
     * @param rules a file of rules, or an empty one
     */
    Prometheus(Path folder, Cluster cluster, Map<String, AgentProcess> agents, String rules) throws IOException {
        this.agents = agents.size();
        port = cluster.freePort();
        log = folder.resolve("prometheus.log");
        String targets = agents.entrySet().stream()
                .map(agent -> "{ targets: ['127.0.0.1:%d'], labels: { instance: '%s' } }"
                        .formatted(agent.getValue().port(), agent.getKey()))
                .collect(Collectors.joining(", "));
        Path config = Files.writeString(folder.resolve("prometheus.yml"), """
                global: { scrape_interval: 500ms, evaluation_interval: 500ms }
                rule_files: [ "%s" ]
                scrape_configs:
                  - job_name: pgsidecar
                    static_configs: [ %s ]
                """.formatted(
                        Files.writeString(folder.resolve("rules.yml"), rules), targets));
        process = new ProcessBuilder(
                        TestTools.program("prometheus").toString(),
                        "--config.file=" + config,
                        "--storage.tsdb.path=" + folder.resolve("tsdb"),
                        "--web.listen-address=127.0.0.1:" + port)
                .directory(cluster.folder().toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
    }

    /** Waits until it has scraped each agent. */
    Prometheus awaitScrapes() {
        await(log())
                .atMost(Duration.ofSeconds(30))
                .ignoreExceptions()
                .until(() -> ask("pgsidecar_role == 1").size() == agents);
        return this;
    }

    /** The series that a query finds. */
    JsonArray ask(String query) {
        return get("query?query=" + URLEncoder.encode(query, UTF_8), query).getJsonArray("result");
    }

    /** The value of a query's one series at an instance. */
    String value(String query, String instance) {
        return ask(query).stream()
                .map(JsonObject.class::cast)
                .filter(series -> instance.equals(series.getJsonObject("metric").getString("instance")))
                .map(series -> series.getJsonArray("value").getString(1))
                .findFirst()
                .orElse("none");
    }

    /** The alerts that fire now, as their name or, where they have an instance, {@code name@instance}. */
    Set<String> firing() {
        return get("alerts", "alerts").getJsonArray("alerts").stream()
                .map(JsonObject.class::cast)
                .filter(alert -> alert.getString("state").equals("firing"))
                .map(alert -> alert.getJsonObject("labels"))
                .map(labels -> labels.getString("alertname")
                        + (labels.containsKey("instance") ? "@" + labels.getString("instance") : ""))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private JsonObject get(String path, String what) {
        try {
            HttpRequest request = HttpRequest.newBuilder(
                            URI.create("http://127.0.0.1:%d/api/v1/%s".formatted(port, path)))
                    .build();
            JsonObject answer = new JsonObject(
                    http.send(request, HttpResponse.BodyHandlers.ofString()).body());
            assertThat(answer.getString("status"))
                    .as("%s: %s", what, answer.getString("error"))
                    .isEqualTo("success");
            return answer.getJsonObject("data");
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
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
