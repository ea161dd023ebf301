package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** The agent as its user runs it, see {@link AgentProgram}. It works in the cluster's folder, so that it ends with it. */
final class AgentProcess implements AutoCloseable {

    private static final HttpClient HTTP = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(5))
            .build();

    /** Nothing of the machine's own configuration is read. */
    private static final String NO_FILE =
            Path.of("src/test/resources/empty.yaml").toAbsolutePath().toString();

    /** Who may order at every agent of the tests, and who may look. */
    static final String OPERATE = "pgs_operator-of-the-tests";

    static final String VIEW = "pgs_viewer-of-the-tests";

    private final Process process;
    private final int port;
    private final int commandPort;
    private final Path log;
    private final boolean commanded;

    /** How a command ended. */
    record Ended(int exitCode, String output) {}

    private AgentProcess(Process process, int port, int commandPort, Path log, boolean commanded) {
        this.commanded = commanded;
        this.process = process;
        this.port = port;
        this.commandPort = commandPort;
        this.log = log;
    }

    /** Starts a command, in the folder of its output; one that goes on until it is told to end, say. */
    static Process begin(Path output, Map<String, String> environment, String... arguments) throws IOException {
        // a shell's background job ignores Ctrl-C, and so would what it starts
        List<String> command = new ArrayList<>(List.of("env", "--default-signal=INT"));
        command.addAll(AgentProgram.command());
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(output.getParent().toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
        builder.environment().put("PGSIDECAR_CONFIG", NO_FILE);
        builder.environment().putAll(environment);
        return builder.start();
    }

    /** Runs a command to its end. */
    static Ended run(Path folder, Map<String, String> environment, String... arguments) {
        try {
            Path output = Files.createTempFile(folder, "command", ".out");
            Process process = begin(output, environment, arguments);
            if (!process.waitFor(30, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new AssertionError("not ended in time: " + Files.readString(output));
            }
            return new Ended(process.exitValue(), Files.readString(output));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Starts an agent beside a server and waits until it answers. */
    static AgentProcess beside(Cluster cluster, Postgres server, String... more) {
        return onPort(cluster, server.port(), more);
    }

    static AgentProcess onPort(Cluster cluster, int serverPort, String... more) {
        return start(cluster, serverPort, Map.of(), more).awaitAnswer();
    }

    /** Waits until it answers. */
    AgentProcess awaitAnswer() {
        await("the agent's first answer")
                .atMost(Duration.ofSeconds(30))
                .pollInterval(Duration.ofMillis(50))
                .until(this::answers);
        return this;
    }

    static AgentProcess start(Cluster cluster, int serverPort, Map<String, String> environment, String... more) {
        return start(cluster, serverPort, cluster.freePort(), environment, more);
    }

    /** Starts an agent whose command listener has a port that its peers know. */
    static AgentProcess start(
            Cluster cluster, int serverPort, int commandPort, Map<String, String> environment, String... more) {
        return start(AgentProgram.command(), cluster, serverPort, commandPort, environment, more);
    }

    /** Starts an agent of this program. */
    static AgentProcess start(List<String> program, Cluster cluster, int serverPort) {
        return start(program, cluster, serverPort, cluster.freePort(), Map.of());
    }

    private static AgentProcess start(
            List<String> program,
            Cluster cluster,
            int serverPort,
            int commandPort,
            Map<String, String> environment,
            String... more) {
        int port = cluster.freePort();
        List<String> command = new ArrayList<>(program);
        command.addAll(List.of(more));
        try {
            Path log = folder().resolve("agent.log");
            ProcessBuilder builder = new ProcessBuilder(command)
                    .directory(cluster.folder().toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile());
            builder.environment()
                    .putAll(Map.of(
                            "PGSIDECAR_COMMAND_TOKENS_FILE", tokensFile().toString(),
                            "PGSIDECAR_CONFIG", NO_FILE,
                            "PGSIDECAR_POSTGRES_USER", Postgres.SUPERUSER,
                            "PGSIDECAR_POSTGRES_DATABASE", Postgres.DATABASE,
                            "PGSIDECAR_OPEN_HOST", "127.0.0.1",
                            "PGSIDECAR_OBSERVE_INTERVAL", "200ms",
                            "PGSIDECAR_OBSERVE_TIMEOUT", "1s",
                            "PGSIDECAR_OBSERVE_STALE_AFTER", "2500ms",
                            "PGSIDECAR_OBSERVE_CONNECT_EVERY", "1s"));
            builder.environment().put("PGSIDECAR_POSTGRES_PORT", "" + serverPort);
            builder.environment().put("PGSIDECAR_OPEN_PORT", "" + port);
            builder.environment().put("PGSIDECAR_COMMAND_PORT", "" + commandPort);
            builder.environment()
                    .put("PGSIDECAR_STATE_DIR", folder().resolve("state").toString());
            builder.environment().putAll(environment);
            boolean commanded = !"false".equals(environment.get("PGSIDECAR_COMMAND_ENABLED"));
            return new AgentProcess(builder.start(), port, commandPort, log, commanded);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path tokensFile() throws IOException {
        return Files.writeString(
                folder().resolve("tokens"), tokenLine("ops", "operate", OPERATE) + tokenLine("eyes", "view", VIEW));
    }

    static String tokenLine(String name, String permission, String secret) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(secret.getBytes(StandardCharsets.UTF_8));
            return "%s %s 2026-01-02T03:04:05Z never sha256:%s%n"
                    .formatted(name, permission, HexFormat.of().formatHex(digest));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Path folder() {
        try {
            Path folder = Files.createTempDirectory("pgsidecar-agent");
            folder.toFile().deleteOnExit();
            return folder;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    int port() {
        return port;
    }

    int commandPort() {
        return commandPort;
    }

    Process process() {
        return process;
    }

    /** Orders, with the right to. */
    HttpResponse<String> order(String path, JsonObject body, String... headers) {
        return command("POST", path, OPERATE, body.encode(), headers);
    }

    /** Looks. */
    JsonObject look(String path) {
        HttpResponse<String> response = command("GET", path, VIEW, "");
        assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
        return new JsonObject(response.body());
    }

    /** Asks the command listener. */
    HttpResponse<String> command(String method, String path, String token, String body, String... headers) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + commandPort + path))
                .method(
                        method,
                        body.isEmpty()
                                ? HttpRequest.BodyPublishers.noBody()
                                : HttpRequest.BodyPublishers.ofString(body))
                .timeout(Duration.ofSeconds(60));
        if (!body.isEmpty()) {
            request.header("Content-Type", "application/json");
        }
        if (!token.isEmpty()) {
            request.header("Authorization", "Bearer " + token);
        }
        if (headers.length > 0) {
            request.headers(headers);
        }
        return answer(request.build());
    }

    /** Waits until the operation has ended, however. */
    JsonObject awaitEnd(String id) {
        return await(id + " has ended")
                .atMost(Duration.ofSeconds(180))
                .until(
                        () -> look("/v1/operations/" + id),
                        operation -> !operation.getString("state").equals("running"));
    }

    /** Waits until so many observations have been published since now: what could have happened in each has had its chance. */
    void awaitObservations(int count) {
        for (int seen = 0; seen < count; seen++) {
            String last = look("/v1/instance").getString("observedAt");
            await("another observation than that of " + last)
                    .atMost(Duration.ofSeconds(20))
                    .pollInterval(Duration.ofMillis(50))
                    .until(() -> !look("/v1/instance").getString("observedAt").equals(last));
        }
    }

    String log() {
        try {
            return Files.readString(log);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private boolean answers() {
        assertThat(process.isAlive()).as("alive: %s", log()).isTrue();
        try {
            return status("/liveness") == 200 && (!commanded || log().contains("commands on http"));
        } catch (UncheckedIOException e) {
            return false;
        }
    }

    int status(String path) {
        return get(path).statusCode();
    }

    JsonObject json(String path) {
        return new JsonObject(get(path).body());
    }

    /** The body, in Prometheus' text format where there is a choice. */
    String getText(String path) {
        return send("GET", path, "Accept", "text/plain;version=0.0.4").body();
    }

    HttpResponse<String> get(String path) {
        return send("GET", path);
    }

    HttpResponse<String> send(String method, String path, String... headers) {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                .method(method, HttpRequest.BodyPublishers.noBody())
                .timeout(Duration.ofSeconds(5))
                .headers(headers.length == 0 ? new String[] {"Accept", "*/*"} : headers)
                .build();
        return answer(request);
    }

    private static HttpResponse<String> answer(HttpRequest request) {
        try {
            return HTTP.send(request, HttpResponse.BodyHandlers.ofString());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Waits until a path answers with this status and reason. */
    JsonObject await503(String path, String reason) {
        return awaitAnswer(path, 503, reason);
    }

    JsonObject await200(String path) {
        return awaitAnswer(path, 200, "ok");
    }

    private JsonObject awaitAnswer(String path, int status, String reason) {
        return await(path + " " + status + " " + reason)
                .atMost(Duration.ofSeconds(20))
                .pollInterval(Duration.ofMillis(50))
                .until(
                        () -> {
                            HttpResponse<String> response = get(path);
                            return new JsonObject(response.body()).put("status", response.statusCode());
                        },
                        body -> body.getInteger("status") == status && reason.equals(body.getString("reason")));
    }

    @Override
    public void close() {
        process.destroyForcibly();
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
