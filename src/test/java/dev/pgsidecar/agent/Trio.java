package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Psql;
import dev.pgsidecar.cluster.Snapshot;
import dev.pgsidecar.cluster.Standby;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * A primary and two standbys with slots, and an agent beside each that has the rights of deploy/sql and no more, and knows
 * the other two. The agents start when {@link #startAgents} says so.
 */
final class Trio implements AutoCloseable {

    static final List<String> NAMES = List.of("pg-0", "pg-1", "pg-2");

    /** Servers that are ready to be copied, by their version and settings and by what else is in them. */
    private static final Map<List<Object>, Snapshot> SNAPSHOTS = new ConcurrentHashMap<>();

    private final Path folder;
    private final Cluster cluster;
    private final Map<String, Integer> commandPorts = new LinkedHashMap<>();
    private final Map<String, AgentProcess> agents = new LinkedHashMap<>();

    Trio(int major, Path folder) {
        this(major, folder, Map.of());
    }

    Trio(int major, Path folder, Map<String, String> settings) {
        this(major, folder, settings, "nothing", cluster -> {});
    }

    /** @param furnish prepares the servers before the first of them is copied; its name tells one from another */
    Trio(int major, Path folder, Map<String, String> settings, String name, Consumer<Cluster> furnish) {
        this.folder = folder;
        this.cluster = Cluster.from(
                SNAPSHOTS.computeIfAbsent(List.of(major, settings, name), _ -> snapshot(major, settings, furnish)));
        NAMES.forEach(server -> commandPorts.put(server, cluster.freePort()));
    }

    private static Snapshot snapshot(int major, Map<String, String> settings, Consumer<Cluster> furnish) {
        Map<String, String> all = new HashMap<>(settings);
        all.put("wal_receiver_timeout", "3s");
        all.put("wal_sender_timeout", "3s");
        try (Cluster cluster = Cluster.on(major)) {
            Postgres primary = cluster.primary("pg-0", all);
            Psql.install(primary);
            primary.sql("CREATE TABLE ledger (writer int, entry bigint, timeline int, PRIMARY KEY (writer, entry))");
            cluster.standby("pg-1", primary, Standby.WITH_SLOT);
            cluster.standby("pg-2", primary, Standby.WITH_SLOT);
            NAMES.forEach(name -> cluster.server(name).hba("host pgsidecar pgsidecar 127.0.0.1/32 trust"));
            furnish.accept(cluster);
            cluster.awaitReplay(primary, cluster.server("pg-1"));
            cluster.awaitReplay(primary, cluster.server("pg-2"));
            return cluster.snapshot();
        }
    }

    /** Starts all agents; returns when each knows what the others are. */
    Trio startAgents() {
        NAMES.forEach(name -> begin(name, NAMES));
        agents.values().forEach(AgentProcess::awaitAnswer);
        agent("pg-0").await200("/primary");
        agent("pg-1").await200("/replica");
        agent("pg-2").await200("/replica");
        awaitPeers("pg-1", "pg-2");
        return this;
    }

    /** Waits until these know what all others are. */
    void awaitPeers(String... names) {
        for (String name : names) {
            await(name + " knows its peers").atMost(Duration.ofSeconds(20)).until(() -> {
                JsonObject dryRun = new JsonObject(agent(name)
                        .order("/v1/promote?dryRun=true", new JsonObject())
                        .body());
                return !dryRun.encode().contains("not asked yet")
                        && !dryRun.encode().contains("does not answer");
            });
        }
    }

    AgentProcess startAgent(String name, String... moreEnvironment) {
        return begin(name, NAMES, moreEnvironment).awaitAnswer();
    }

    /** Starts the primary's agent only, and it knows no others. */
    Trio startPrimarysAgent() {
        begin("pg-0", List.of()).awaitAnswer().await200("/primary");
        return this;
    }

    private AgentProcess begin(String name, List<String> peers, String... moreEnvironment) {
        Map<String, String> environment = new HashMap<>(Map.of(
                "PGSIDECAR_NAME",
                name,
                "PGSIDECAR_STATE_DIR",
                stateDir(name).toString(),
                "PGSIDECAR_POSTGRES_USER",
                "pgsidecar",
                "PGSIDECAR_POSTGRES_DATABASE",
                "pgsidecar",
                "PGSIDECAR_POSTGRES_DATA_DIRECTORY",
                server(name).dataDirectory().toString(),
                "PGSIDECAR_OBSERVE_SIZES_EVERY",
                "1s"));
        int index = 0;
        for (String peer : peers) {
            if (!peer.equals(name)) {
                environment.put("PGSIDECAR_PEERS_%d__NAME".formatted(index), peer);
                environment.put(
                        "PGSIDECAR_PEERS_%d__URL".formatted(index), "http://127.0.0.1:" + commandPorts.get(peer));
                environment.put("PGSIDECAR_PEERS_%d__TOKEN_FILE".formatted(index), token().toString());
                index++;
            }
        }
        for (int at = 0; at < moreEnvironment.length; at += 2) {
            environment.put(moreEnvironment[at], moreEnvironment[at + 1]);
        }
        AgentProcess agent = AgentProcess.start(cluster, server(name).port(), commandPorts.get(name), environment);
        agents.put(name, agent);
        return agent;
    }

    /** The environment of a command line that knows the agents by their names. */
    Map<String, String> commandLine() {
        try {
            Path token = Files.writeString(folder.resolve("token"), AgentProcess.OPERATE + "\n");
            String agents = NAMES.stream()
                    .map(name -> "%s: { url: \"http://127.0.0.1:%d\", token-file: %s }%n"
                            .formatted(name, commandPorts.get(name), token))
                    .collect(Collectors.joining());
            return Map.of(
                    "PGSIDECAR_AGENTS",
                    Files.writeString(folder.resolve("agents.yaml"), agents).toString());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Path stateDir(String name) {
        return folder.resolve("state-" + name);
    }

    private Path token() {
        try {
            return Files.writeString(folder.resolve("view-token"), AgentProcess.VIEW + "\n");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Cluster cluster() {
        return cluster;
    }

    Postgres server(String name) {
        return cluster.server(name);
    }

    AgentProcess agent(String name) {
        return agents.get(name);
    }

    /** Orders a promote and waits for its end. */
    JsonObject promote(String name, JsonObject order) {
        var response = agent(name).order("/v1/promote", order, "Prefer", "wait=60");
        assertThat(response.statusCode())
                .as("%s%n%s", response.body(), agent(name).log())
                .isEqualTo(200);
        return new JsonObject(response.body());
    }

    @Override
    public void close() {
        agents.values().forEach(AgentProcess::close);
        cluster.close();
    }
}
