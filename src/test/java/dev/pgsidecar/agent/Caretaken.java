package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Partitioned;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Psql;
import dev.pgsidecar.cluster.Snapshot;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/** A server with partition sets, and an agent beside it that has the rights of deploy/sql and no more. */
final class Caretaken implements AutoCloseable {

    /** Maintenance comes when a test orders it. */
    static final String NEVER = "0 0 0 1 1 ? 2090";

    /** Servers that are ready to be copied, by their version and settings. */
    private static final Map<List<Object>, Snapshot> SNAPSHOTS = new ConcurrentHashMap<>();

    private final Path folder;
    private final Cluster cluster;
    private final Postgres server;
    private final Partitioned app;
    private AgentProcess agent;

    Caretaken(int major, Path folder, Map<String, String> settings) {
        this.folder = folder;
        this.cluster =
                Cluster.from(SNAPSHOTS.computeIfAbsent(List.of(major, settings), _ -> snapshot(major, settings)));
        this.server = cluster.server("pg-0");
        this.app = Partitioned.of(server);
    }

    private static Snapshot snapshot(int major, Map<String, String> settings) {
        try (Cluster cluster = Cluster.on(major)) {
            Postgres server = cluster.primary("pg-0", settings);
            Psql.install(server);
            server.hba("host pgsidecar,app,postgres pgsidecar 127.0.0.1/32 trust");
            server.hba("host app app 127.0.0.1/32 trust");
            Partitioned.on(server);
            return cluster.snapshot();
        }
    }

    Caretaken(int major, Path folder) {
        this(major, folder, Map.of());
    }

    /** Starts the agent, anew if there is one. */
    Caretaken start(String... more) {
        if (agent != null) {
            agent.close();
        }
        startUnready(more);
        agent.await200("/primary");
        return this;
    }

    /** Starts the agent beside a server that is not good for writers. */
    Caretaken startUnready(String... more) {
        agent = agentBeside(server, "pg-0", more);
        return this;
    }

    AgentProcess agentBeside(Postgres beside, String name, String... more) {
        Map<String, String> environment = new HashMap<>(Map.of(
                "PGSIDECAR_NAME", name,
                "PGSIDECAR_STATE_DIR", folder.resolve("state-" + name).toString(),
                "PGSIDECAR_POSTGRES_USER", "pgsidecar",
                "PGSIDECAR_POSTGRES_DATABASE", "pgsidecar",
                "PGSIDECAR_PARTITION_DATABASES", "app",
                "PGSIDECAR_PARTITION_SCHEDULE", NEVER,
                "PGSIDECAR_PARTITION_JITTER", "0s",
                "PGSIDECAR_PARTITION_LOCK_TIMEOUT", "500ms",
                "PGSIDECAR_PARTITION_RETRY_FOR", "0s",
                "PGSIDECAR_OBSERVE_SIZES_EVERY", "1s"));
        for (int at = 0; at < more.length; at += 2) {
            environment.put(more[at], more[at + 1]);
        }
        return AgentProcess.start(cluster, beside.port(), environment).awaitAnswer();
    }

    Cluster cluster() {
        return cluster;
    }

    Postgres server() {
        return server;
    }

    Partitioned app() {
        return app;
    }

    AgentProcess agent() {
        return agent;
    }

    /** Has these sets maintained, and returns the ended operation. */
    JsonObject maintain(String... sets) {
        return seen(order(agent, "/v1/partitions/maintenance", request(sets)));
    }

    /** Waits until the list shows what the operation has done: a look that began after its last set was through. */
    private JsonObject seen(JsonObject operation) {
        JsonObject result = operation.getJsonObject("result");
        Instant through = Stream.concat(
                        result.getJsonArray("sets", new JsonArray()).stream(),
                        Stream.ofNullable(result.getJsonObject("maintenance")))
                .map(each -> Instant.parse(((JsonObject) each).getString("at")))
                .max(Instant::compareTo)
                .orElseGet(() -> Instant.parse(operation.getString("ended")));
        await("a look after it")
                .atMost(Duration.ofSeconds(20))
                .until(() -> database().getString("observedAt") != null
                        && Instant.parse(database().getString("observedAt")).isAfter(through));
        return operation;
    }

    static JsonObject request(String... sets) {
        return sets.length == 0 ? new JsonObject() : new JsonObject().put("sets", new JsonArray(List.of(sets)));
    }

    JsonObject rescue(String set) {
        return seen(order(agent, "/v1/partitions/rescue", rescueOf(set)));
    }

    static JsonObject rescueOf(String set) {
        return new JsonObject().put("database", "app").put("set", set);
    }

    /** Orders, and waits for the end, which comes later than the agent answers where the machine is busy. */
    static JsonObject order(AgentProcess agent, String path, JsonObject order) {
        var response = agent.order(path, order, "Prefer", "wait=30");
        assertThat(response.statusCode())
                .as("%s%n%s", response.body(), agent.log())
                .isIn(200, 202);
        return agent.awaitEnd(new JsonObject(response.body()).getString("id"));
    }

    /** How one set ended in an operation. */
    static JsonObject outcome(JsonObject operation, String set) {
        return operation.getJsonObject("result").getJsonArray("sets").stream()
                .map(JsonObject.class::cast)
                .filter(each -> each.getString("set").equals(set))
                .findFirst()
                .orElseThrow(() -> new AssertionError(operation.encodePrettily()));
    }

    /** The set in the answer of GET /v1/partitions. */
    JsonObject set(String name) {
        return database().getJsonArray("sets").stream()
                .map(JsonObject.class::cast)
                .filter(each -> each.getString("set").equals(name))
                .findFirst()
                .orElseThrow(() -> new AssertionError(database().encodePrettily()));
    }

    /** The conversion of a table in that answer, once it is there. */
    JsonObject awaitConversion(String table) {
        return await(table)
                .atMost(Duration.ofSeconds(20))
                .until(
                        () -> database().getJsonArray("conversions").stream()
                                .map(JsonObject.class::cast)
                                .filter(each -> each.getString("table").equals(table))
                                .findFirst()
                                .orElse(null),
                        Objects::nonNull);
    }

    JsonObject database() {
        return agent.look("/v1/partitions").getJsonArray("databases").getJsonObject(0);
    }

    /** Waits until the list shows this set. */
    Caretaken awaitSet(String name) {
        await(name).atMost(Duration.ofSeconds(20)).ignoreExceptions().untilAsserted(() -> set(name));
        return this;
    }

    /** Waits until no operation runs: with a schedule as frequent as a test's, one may be under way at any moment. */
    Caretaken awaitRest() {
        await("no operation runs")
                .atMost(Duration.ofSeconds(20))
                .until(() -> agent.look("/v1/operations").getJsonArray("operations").stream()
                        .map(JsonObject.class::cast)
                        .noneMatch(operation -> operation.getString("state").equals("running")));
        return this;
    }

    @Override
    public void close() {
        if (agent != null) {
            agent.close();
        }
        cluster.close();
    }
}
