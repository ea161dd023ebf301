package dev.pgsidecar.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.BenchException;
import dev.pgsidecar.cluster.Commands;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer.OrderAnnotation;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;

/**
 * deploy/compose, started once by the one command that users type, without Grafana, of which there is no package. The
 * last test changes who the primary is.
 */
@NeedsEngine
@TestMethodOrder(OrderAnnotation.class)
class ComposeIT {

    private static final Path COMPOSE = Docker.ROOT.resolve("deploy/compose");
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final HttpClient HTTP = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(5))
            .build();
    private static final List<String> PORTS = List.of(
            "AGENT_0_PORT",
            "AGENT_1_PORT",
            "AGENT_2_PORT",
            "WRITE_PORT",
            "READ_PORT",
            "HAPROXY_STATS_PORT",
            "PROMETHEUS_PORT");

    private static final Map<String, String> ENVIRONMENT = new HashMap<>(Map.of(
            "COMPOSE_PROJECT_NAME", "pgsidecar-test",
            "COMPOSE_FILE",
                    COMPOSE.resolve("compose.yaml") + ":"
                            + Path.of("src/test/resources/without-grafana.yaml").toAbsolutePath(),
            "PGSIDECAR_IMAGE", Docker.AGENT,
            "POSTGRES_IMAGE", Docker.POSTGRES,
            "HAPROXY_IMAGE", Docker.OBSERVERS,
            "PROMETHEUS_IMAGE", Docker.OBSERVERS));

    @BeforeAll
    static void up() throws IOException {
        Docker.buildAgent();
        for (String name : PORTS) {
            ENVIRONMENT.put(name, "0"); // any that is free
        }
        compose("up", "--detach", "--wait", "--no-build");
    }

    @AfterAll
    static void down() {
        compose("down", "--volumes", "--timeout=2");
    }

    @Test
    @Order(1)
    void aTourShowsAllOfIt() {
        String tour =
                Commands.run(COMPOSE, PATIENCE, command(COMPOSE.resolve("tour").toString()));
        assertThat(tour)
                .containsPattern("pg-0 +primary +running")
                .contains("pg-1(sync), pg-2(async)")
                .contains("HTTP/1.1 200 OK", "HTTP/1.1 503 Service Unavailable", "\"reason\":\"not-primary\"")
                .containsPattern("\\d+ \\| pg-0") // written
                .containsPattern("\\d \\| pg-[12]") // read
                .contains("pgsidecar_role{role=\"primary\"} 1.0")
                .contains("\"instance\":\"pg-0\",\"job\":\"pgsidecar\",\"role\":\"primary\"")
                .contains("app public.orders: done")
                .containsPattern("upstream +failed +pg-0 is a primary")
                .contains("It would be refused.")
                .contains("guarantee: no-ordinary-role-can-write")
                .contains("writes-paused")
                .contains("all is as it was")
                .contains("That was the tour.");
        assertThat(sql("haproxy", 5000, "SELECT string_agg(product, ', ' ORDER BY id) FROM orders"))
                .as("what was refused in the pause is not there")
                .isEqualTo("a tour, after the pause");
    }

    @Test
    @Order(2)
    void isPublishedOnLoopbackOnly() {
        List<String> containers = compose("ps", "--all", "--quiet").lines().toList();
        List<String> addresses = new ArrayList<>();
        for (Object each : new JsonArray(Docker.run(
                Stream.concat(Stream.of("inspect"), containers.stream()).toArray(String[]::new)))) {
            JsonObject ports =
                    ((JsonObject) each).getJsonObject("NetworkSettings").getJsonObject("Ports");
            for (String port : ports.fieldNames()) {
                JsonArray bindings = ports.getJsonArray(port, new JsonArray());
                for (int i = 0; bindings != null && i < bindings.size(); i++) {
                    addresses.add(bindings.getJsonObject(i).getString("HostIp"));
                }
            }
        }
        assertThat(addresses).hasSize(PORTS.size()).containsOnly("127.0.0.1");
    }

    @Test
    @Order(3)
    void secretsAreMadeOnce() {
        String before = compose("exec", "-T", "pg-0", "cat", "/secrets/postgres/app");
        assertThat(before.strip()).hasSize(64);
        compose("up", "--detach", "--wait", "--no-build");
        assertThat(compose("exec", "-T", "pg-0", "cat", "/secrets/postgres/app"))
                .isEqualTo(before);
        assertThatThrownBy(() -> compose("exec", "-T", "pg-0", "cat", "/secrets/agent/tour-token"))
                .as("each sees its own")
                .hasMessageContaining("Permission denied");
    }

    @Test
    @Order(4)
    void prometheusScrapesAllAndHasTheRules() throws IOException {
        eventually(() -> assertThat(prometheus("/api/v1/query?query=sum(up)")
                        .getJsonArray("result")
                        .getJsonObject(0)
                        .getJsonArray("value")
                        .getString(1))
                .isEqualTo("3"));
        List<String> loaded = prometheus("/api/v1/rules").getJsonArray("groups").stream()
                .map(group -> ((JsonObject) group).getString("name"))
                .toList();
        assertThat(loaded).containsExactlyInAnyOrderElementsOf(groups());
    }

    /** The names of the groups in deploy/prometheus. */
    private static List<String> groups() throws IOException {
        Path folder = Docker.ROOT.resolve("deploy/prometheus");
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".rules.yml"))
                    .flatMap(ComposeIT::lines)
                    .filter(line -> line.matches("  - name: \\S+"))
                    .map(line -> line.substring("  - name: ".length()))
                    .toList();
        }
    }

    private static Stream<String> lines(Path file) {
        try {
            return Files.readAllLines(file).stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The server's container dies and is started again by the engine; its agent has kept its network, and sees it. */
    @Test
    @Order(5)
    void anAgentOutlivesItsServersContainer() {
        String agent = started("agent-2");
        String server = started("pg-2");
        compose("exec", "-T", "pg-2", "bash", "-c", "kill -s QUIT 1"); // what pg_ctl stop -m immediate sends
        await().atMost(PATIENCE).until(() -> !started("pg-2").equals(server));
        eventually(() ->
                assertThat(answer("host-2", 8008, "/replica").statusCode()).isEqualTo(200));
        assertThat(started("agent-2")).isEqualTo(agent);
    }

    @Test
    @Order(6)
    void aStandbyTakesOverAndHaproxyFollows() {
        compose("kill", "pg-0");
        AtomicReference<String> promoted = new AtomicReference<>();
        eventually(() -> promoted.set(promote()));
        eventually(() -> assertThat(sql(
                        "haproxy",
                        5000,
                        "INSERT INTO orders (product) VALUES ('new') RETURNING current_setting('cluster_name')"))
                .isEqualTo(promoted.get()));

        compose("start", "pg-0");
        eventually(() -> assertThat(get("host-0", 8008, "/primary")).contains("\"reason\":\"superseded\""));
        assertThat(sql("haproxy", 5000, "SELECT current_setting('cluster_name')"))
                .as("the old primary gets no writes")
                .isEqualTo(promoted.get());
    }

    /** Promotes the standby that has received the most; the other one's agent refuses. */
    private static String promote() {
        return Stream.of("pg-1", "pg-2")
                .filter(ComposeIT::isPromoted)
                .findFirst()
                .orElseThrow(() -> new AssertionError("both refuse"));
    }

    private static boolean isPromoted(String standby) {
        try {
            compose("exec", "-T", "agent-1", "pgsidecar", "promote", "--agent", standby, "--dead", "pg-0");
            return true;
        } catch (BenchException e) {
            return false;
        }
    }

    private static void eventually(ThrowingCallable happens) {
        await().atMost(PATIENCE).untilAsserted(() -> assertThatCode(happens).doesNotThrowAnyException());
    }

    private static String started(String service) {
        return Docker.run(
                "inspect",
                "--format={{.State.StartedAt}} {{.State.Running}}",
                compose("ps", "--all", "--quiet", service).strip());
    }

    /** SQL as the application, through a host as the containers know it. */
    private static String sql(String host, int port, String statement) {
        return compose(
                        "exec",
                        "-T",
                        "pg-1",
                        "psql",
                        "--no-psqlrc",
                        "--no-align",
                        "--tuples-only",
                        "--quiet",
                        "--command=" + statement,
                        "host=%s port=%d user=app dbname=app".formatted(host, port))
                .strip();
    }

    private static JsonObject prometheus(String path) {
        return new JsonObject(get("prometheus", 9090, path)).getJsonObject("data");
    }

    private static String get(String service, int port, String path) {
        try {
            return answer(service, port, path).body();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** Asks a published port, as this host reaches it. */
    private static HttpResponse<String> answer(String service, int port, String path)
            throws IOException, InterruptedException {
        String address = compose("port", service, Integer.toString(port)).strip();
        return HTTP.send(
                HttpRequest.newBuilder(URI.create("http://" + address + path))
                        .timeout(Duration.ofSeconds(10))
                        .build(),
                HttpResponse.BodyHandlers.ofString());
    }

    private static String compose(String... arguments) {
        return Docker.run(
                ENVIRONMENT,
                Stream.concat(Stream.of("compose"), Stream.of(arguments)).toArray(String[]::new));
    }

    /** A command with the environment of this project. */
    private static List<String> command(String program) {
        List<String> command = new ArrayList<>(List.of("env"));
        ENVIRONMENT.forEach((name, value) -> command.add(name + "=" + value));
        command.add(program);
        return command;
    }
}
