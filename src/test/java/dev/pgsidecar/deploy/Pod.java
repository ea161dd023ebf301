package dev.pgsidecar.deploy;

import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.command.InspectContainerResponse.ContainerState;
import com.github.dockerjava.api.model.Bind;
import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.HealthCheck;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.testcontainers.containers.ContainerLaunchException;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.Network;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.utility.DockerImageName;

/**
 * A PostgreSQL server and its sidecar as docs/docker.md runs it: in the server's network, with a file system that cannot
 * be written, without capabilities, and with no rights in the server but those of deploy/sql.
 */
final class Pod implements AutoCloseable {

    static final int POSTGRES = 5432;
    static final int OPEN = 8008;
    static final int COMMAND = 8009;

    private static final long MEMORY = 128L << 20;
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final HttpClient HTTP = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(5))
            .build();

    final GenericContainer<?> server;
    final GenericContainer<?> agent;
    final String data = "pgsidecar-test-" + UUID.randomUUID();

    private final String token;

    /**
     * Starts both.
     *
     * @param upstream the primary's host, for a standby; empty for a primary
     * @param secrets all of them can be read there, and not be written
     * @param environment more of the agent's configuration
     */
    Pod(Network network, String name, String upstream, Secrets secrets, Map<String, String> environment) {
        token = secrets.token;
        List<Bind> binds = new ArrayList<>(
                List.of(Bind.parse(secrets.volume + ":/secrets:ro"), Bind.parse(data + ":/var/lib/postgresql/data")));
        if (upstream.isEmpty()) {
            binds.add(Bind.parse(Docker.ROOT.resolve("deploy/sql") + ":/sql:ro"));
            binds.add(Bind.parse(Docker.ROOT.resolve("deploy/compose/init.d/1-app.sql") + ":/init.d/app.sql:ro"));
        }
        server = container(Docker.POSTGRES, binds)
                .withNetwork(network)
                .withNetworkAliases(name)
                .withExposedPorts(POSTGRES, OPEN, COMMAND)
                .withEnv("NAME", name)
                .withEnv("UPSTREAM", upstream);
        server.start();
        agent = container(
                        Docker.AGENT,
                        List.of(
                                Bind.parse(secrets.volume + ":/secrets:ro"),
                                Bind.parse(secrets.tokens + ":/etc/pgsidecar/tokens:ro")))
                .withNetworkMode("container:" + server.getContainerId())
                .withEnv("PGSIDECAR_NAME", name)
                .withEnv("PGSIDECAR_POSTGRES_PASSWORD_FILE", "/secrets/agent/password")
                .withEnv(environment);
        agent.withCreateContainerCmdModifier(command -> command
                // The image's own check, only more often.
                .withHealthcheck(
                        new HealthCheck().withInterval(Duration.ofSeconds(1).toNanos()))
                .getHostConfig()
                .withReadonlyRootfs(true)
                .withCapDrop(Capability.ALL)
                .withSecurityOpts(List.of("no-new-privileges:true"))
                .withMemory(MEMORY));
        try {
            agent.start();
        } catch (ContainerLaunchException e) {
            close();
            throw e;
        }
    }

    private static GenericContainer<?> container(String image, List<Bind> binds) {
        return new GenericContainer<>(DockerImageName.parse(image))
                .withImagePullPolicy(name -> false)
                .withCreateContainerCmdModifier(
                        command -> command.getHostConfig().withBinds(binds))
                .waitingFor(Wait.forHealthcheck().withStartupTimeout(PATIENCE));
    }

    /** Asks on a port that the pod publishes, as any other host would. */
    HttpResponse<String> get(int port, String path) throws IOException, InterruptedException {
        return HTTP.send(request(port, path).build(), HttpResponse.BodyHandlers.ofString());
    }

    /** Orders from outside, and waits for the end. */
    JsonObject order(String path, JsonObject body) throws IOException, InterruptedException {
        HttpRequest order = request(COMMAND, path)
                .header("Prefer", "wait=60")
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body.encode()))
                .build();
        HttpResponse<String> answer = HTTP.send(order, HttpResponse.BodyHandlers.ofString());
        return new JsonObject(answer.body()).put("httpStatus", answer.statusCode());
    }

    private HttpRequest.Builder request(int port, String path) {
        return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.getMappedPort(port) + path))
                .timeout(Duration.ofSeconds(70))
                .header("Authorization", "Bearer " + token);
    }

    void awaitAnswer(String path, int status) {
        await().atMost(PATIENCE).ignoreExceptions().until(() -> get(OPEN, path).statusCode() == status);
    }

    /** A session from outside the pod. */
    Connection connect(String database, String role) throws SQLException {
        return DriverManager.getConnection(
                "jdbc:postgresql://127.0.0.1:%d/%s".formatted(server.getMappedPort(POSTGRES), database),
                role,
                Docker.run("exec", server.getContainerId(), "cat", "/secrets/postgres/" + role)
                        .strip());
    }

    /** Runs SQL as a superuser. */
    String sql(String database, String statement) {
        return Docker.run(
                        "exec",
                        server.getContainerId(),
                        "psql",
                        "--no-psqlrc",
                        "--no-align",
                        "--tuples-only",
                        "--quiet",
                        "--dbname=" + database,
                        "--command=" + statement)
                .strip();
    }

    /** Runs the agent's own executable beside it, in its container. */
    String cli(String... arguments) {
        List<String> command =
                new ArrayList<>(List.of("exec", "--env=PGSIDECAR_TOKEN=" + token, agent.getContainerId(), "pgsidecar"));
        command.addAll(List.of(arguments));
        return Docker.run(command.toArray(String[]::new));
    }

    ContainerState agentState() {
        return agent.getDockerClient()
                .inspectContainerCmd(agent.getContainerId())
                .exec()
                .getState();
    }

    /** The server's container stops, and its network with it. */
    void stopServer() {
        server.getDockerClient()
                .stopContainerCmd(server.getContainerId())
                .withTimeout(60)
                .exec();
    }

    @Override
    public void close() {
        agent.stop();
        server.stop();
        Docker.run("volume", "rm", "--force", data);
    }
}
