package dev.pgsidecar.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.DockerClient;
import dev.pgsidecar.cluster.BenchException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.testcontainers.containers.Network;

/** The image as a sidecar of PostgreSQL 17. */
@NeedsEngine
class SidecarIT {

    private static final long MOST_BYTES = 100_000_000;
    private static final long MOST_ANONYMOUS_KB = 100 * 1024;
    private static final int TERMINATED = 143;

    @TempDir
    private static Path folder;

    private static Secrets secrets;
    private static Network network;
    private static Pod pod;

    @BeforeAll
    static void start() throws IOException {
        Docker.buildAgent();
        secrets = new Secrets(folder);
        network = Docker.network();
        pod = new Pod(
                network,
                "pg-0",
                "",
                secrets,
                Map.of("PGSIDECAR_COMMAND_HOST", "0.0.0.0", "PGSIDECAR_PARTITION_DATABASES", "app"));
    }

    @AfterAll
    static void stop() throws Exception {
        for (AutoCloseable each : Arrays.asList(pod, network, secrets)) {
            if (each != null) {
                each.close();
            }
        }
    }

    @Test
    void answersProbesAndScrapesFromOutside() throws Exception {
        pod.awaitAnswer("/primary", 200);
        assertThat(pod.get(Pod.OPEN, "/replica").statusCode()).isEqualTo(503);
        assertThat(pod.get(Pod.OPEN, "/metrics").body())
                .contains("pgsidecar_role{role=\"primary\"} 1.0")
                .contains("pg_stat_activity_count");
        assertThat(pod.agentState().getHealth().getStatus()).isEqualTo("healthy");
    }

    @Test
    void isNobodyAndCanBecomeNobodyElse() throws Exception {
        assertThat(process("Uid")).isEqualTo("65532\t65532\t65532\t65532");
        assertThat(process("CapEff")).matches("0+");
        assertThat(process("CapBnd")).matches("0+");
        assertThat(process("NoNewPrivs")).isEqualTo("1");
        assertThat(pod.agent.getContainerInfo().getHostConfig().getReadonlyRootfs())
                .isTrue();
    }

    @Test
    void hasNoShellAndTellsWhatItIs() {
        assertThatThrownBy(() -> Docker.run("exec", pod.agent.getContainerId(), "sh", "-c", "true"))
                .isInstanceOf(BenchException.class)
                .hasMessageContaining("executable file not found");
        JsonObject image = new JsonArray(Docker.run("image", "inspect", Docker.AGENT)).getJsonObject(0);
        assertThat(image.getLong("Size")).isLessThan(MOST_BYTES);
        assertThat(image.getJsonObject("Config").getJsonObject("Labels").getMap())
                .containsEntry("org.opencontainers.image.title", "pgsidecar")
                .containsEntry("org.opencontainers.image.version", "1.2.3");
    }

    @Test
    void mayDoNothingButWhatTheFilesGrant() throws SQLException {
        assertThat(pod.sql(
                        "postgres",
                        "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls"
                                + " FROM pg_roles WHERE rolname = 'pgsidecar'"))
                .isEqualTo("f");
        try (Connection session = pod.connect("app", "pgsidecar")) {
            assertThatThrownBy(() -> session.createStatement().execute("SELECT FROM orders"))
                    .hasMessageContaining("permission denied for table orders");
        }
    }

    @Test
    void maintainsPartitions() throws Exception {
        String newest = pod.sql(
                "app",
                "SELECT max(relid::text) FROM pg_partition_tree('orders')" + " WHERE relid::text LIKE 'orders_p%'");
        write(pod, "today"); // into an empty set pg_partman makes none
        pod.sql("app", "DROP TABLE " + newest);
        JsonObject done = pod.order("/v1/partitions/maintenance", new JsonObject());
        assertThat(done.getString("state")).as(done.encodePrettily()).isEqualTo("succeeded");
        assertThat(pod.sql(
                        "app",
                        "SELECT to_regclass('%s'), tableowner FROM pg_tables WHERE tablename = '%s'"
                                .formatted(newest, newest)))
                .isEqualTo(newest + "|app");
    }

    @Test
    void pausesAndResumesWritesFromOutside() throws Exception {
        pod.awaitAnswer("/primary", 200);
        write(pod, "before");
        JsonObject paused =
                pod.order("/v1/writes/pause", new JsonObject().put("all", true).put("ttl", "5m"));
        assertThat(paused.getString("state")).as(paused.encodePrettily()).isEqualTo("succeeded");
        assertThatThrownBy(() -> write(pod, "during")).hasMessageContaining("too many connections");
        assertThat(pod.get(Pod.OPEN, "/primary").body()).contains("writes-paused");

        JsonObject resumed = pod.order("/v1/writes/resume", new JsonObject());
        assertThat(resumed.getString("state")).as(resumed.encodePrettily()).isEqualTo("succeeded");
        write(pod, "after");
        assertThat(pod.sql("app", "SELECT string_agg(product, ' ' ORDER BY id) FROM orders WHERE product <> 'today'"))
                .isEqualTo("before after");
        pod.awaitAnswer("/primary", 200);
    }

    @Test
    void endsOnSigtermAndComesBack() {
        DockerClient docker = pod.agent.getDockerClient();
        docker.stopContainerCmd(pod.agent.getContainerId()).withTimeout(30).exec();
        assertThat(pod.agentState().getExitCodeLong())
                .as("after so long it would have been killed, which is 137")
                .isEqualTo(TERMINATED);
        docker.startContainerCmd(pod.agent.getContainerId()).exec();
        pod.awaitAnswer("/primary", 200);
        await().atMost(Duration.ofMinutes(1))
                .until(() -> pod.agentState().getHealth().getStatus().equals("healthy"));
        assertThat(Docker.run("logs", pod.agent.getContainerId()).lines())
                .as("learned once: the volume kept it")
                .filteredOn(line -> line.contains("learned system_identifier"))
                .hasSize(1);
    }

    @Test
    void itsMemoryIsBounded() throws Exception {
        Callable<Integer> scrapes = () -> {
            for (int i = 0; i < 250; i++) {
                assertThat(pod.get(Pod.OPEN, "/metrics").statusCode()).isEqualTo(200);
            }
            return 0;
        };
        try (ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
            for (var caller : callers.invokeAll(
                    IntStream.range(0, 8).mapToObj(_ -> scrapes).toList())) {
                caller.get();
            }
        }
        assertThat(pod.agentState().getOOMKilled()).isFalse();
        assertThat(Long.parseLong(process("RssAnon").replace(" kB", ""))).isLessThan(MOST_ANONYMOUS_KB);
    }

    @Test
    void aStandbyIsPromotedAndItsCommandsAreReachedFromInsideOnly() throws Exception {
        Docker.buildAgentWithClient();
        try (Network apart = Docker.network();
                Pod old = new Pod(apart, "pg-0", "", secrets, Map.of());
                Pod standby = new Pod(apart, "pg-1", "pg-0", secrets, Map.of())) {
            standby.awaitAnswer("/replica", 200);
            write(old, "kept");
            assertThatThrownBy(() -> standby.get(Pod.COMMAND, "/v1/instance"))
                    .as("command.host is 127.0.0.1 where nothing else is said")
                    .isInstanceOf(IOException.class);
            assertThat(standby.cli("capabilities", "--json")).contains("promote");

            old.stopServer();
            String control = client(old, "pg_controldata", "/data/server");
            assertThat(control).containsPattern("Database cluster state: +shut down\n");
            Matcher checkpoint =
                    Pattern.compile("Latest checkpoint location: +(\\S+)").matcher(control);
            assertThat(checkpoint.find()).isTrue();
            standby.cli(
                    "promote",
                    "--expect-checkpoint",
                    checkpoint.group(1),
                    "--waive",
                    "peers-answer",
                    "--waive",
                    "synchronous");
            standby.awaitAnswer("/primary", 200);
            write(standby, "new");
            assertThat(standby.sql("app", "SELECT string_agg(product, ' ' ORDER BY id) FROM orders"))
                    .isEqualTo("kept new");
        }
    }

    @Test
    void theSecondTargetHasTheClientPrograms() {
        Docker.buildAgentWithClient();
        for (String program : List.of("psql", "pg_basebackup", "pg_controldata", "pg_rewind")) {
            assertThat(Docker.run(
                            "run",
                            "--rm",
                            "--network=none",
                            "--entrypoint=" + program,
                            Docker.AGENT_WITH_CLIENT,
                            "--version"))
                    .contains("(PostgreSQL) 17.");
        }
        assertThat(Docker.run("run", "--rm", "--network=none", "--read-only", Docker.AGENT_WITH_CLIENT, "--version"))
                .startsWith("pgsidecar ");
    }

    /** A client program on the data of a server that is stopped. */
    private static String client(Pod stopped, String program, String argument) {
        return Docker.run(
                "run",
                "--rm",
                "--network=none",
                "--user=root", // the folder is the server's user's alone
                "--volume=" + stopped.data + ":/data:ro",
                "--entrypoint=" + program,
                Docker.AGENT_WITH_CLIENT,
                argument);
    }

    private static void write(Pod to, String product) throws SQLException {
        try (Connection session = to.connect("app", "app");
                var insert = session.prepareStatement("INSERT INTO orders (product) VALUES (?)")) {
            insert.setString(1, product);
            insert.executeUpdate();
        }
    }

    /** A line of the agent's process, as the kernel sees it. */
    private static String process(String line) throws IOException {
        return Files.readAllLines(Path.of("/proc/" + pod.agentState().getPidLong() + "/status")).stream()
                .filter(each -> each.startsWith(line + ":"))
                .map(each -> each.substring(line.length() + 1).strip())
                .findFirst()
                .orElseThrow();
    }
}
