package dev.pgsidecar.agent;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.TestTools;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A real HAProxy with deploy/haproxy/haproxy.cfg before real servers: the traffic follows the role. */
@Tag("agent")
class HaproxyIT {

    /** What a client meets where no server is in. */
    private static final String NOBODY = "nobody";

    @TempDir
    Path folder;

    @Test
    void leadsWritersAndReadersThroughEverything() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            Postgres standby = cluster.standby("pg-1", primary);
            int writers = cluster.freePort();
            int readers = cluster.freePort();
            String shipped = shipped(writers, readers);
            try (AgentProcess atPrimary = AgentProcess.beside(cluster, primary);
                    AgentProcess atStandby = AgentProcess.beside(cluster, standby)) {
                primary.sql("CREATE TABLE t (v text)");
                atStandby.await200("/replica");
                String config = at(at(shipped, "pg-0", primary, atPrimary), "pg-1", standby, atStandby);
                try (Haproxy haproxy = new Haproxy(folder, cluster, config)) {
                    awaitServer(haproxy, writers, "pg-0");
                    awaitServer(haproxy, readers, "pg-1");

                    standby.sql("SELECT pg_wal_replay_pause()");
                    primary.sql("INSERT INTO t SELECT repeat(md5(v::text), 60) FROM generate_series(1, 12000) AS v");
                    awaitServer(haproxy, readers, NOBODY); // more than 16MB behind
                    assertThat(serverAt(writers)).isEqualTo("pg-0");
                    standby.sql("SELECT pg_wal_replay_resume()");
                    awaitServer(haproxy, readers, "pg-1");

                    primary.hang();
                    awaitServer(haproxy, writers, NOBODY);
                    assertThat(serverAt(readers)).isEqualTo("pg-1");
                    primary.resume();
                    awaitServer(haproxy, writers, "pg-0");

                    try (Connection writer = connect(writers)) {
                        primary.stop();
                        standby.promote();
                        awaitServer(haproxy, writers, "pg-1");
                        awaitServer(haproxy, readers, NOBODY);
                        assertThat(writer.isValid(1))
                                .as("the old primary's session has ended")
                                .isFalse();
                    }
                }
            }
        }
    }

    @Test
    void tellsWhatWasMeantFromWhatWentWrong() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            Postgres standby = cluster.standby("pg-1", primary);
            int writers = cluster.freePort();
            int readers = cluster.freePort();
            int checkPrimary = cluster.freePort();
            int checkStandby = cluster.freePort();
            try (AgentProcess atPrimary = withAgentCheck(cluster, primary, checkPrimary);
                    AgentProcess atStandby = withAgentCheck(cluster, standby, checkStandby)) {
                primary.sql("CREATE TABLE t (v text)");
                atStandby.await200("/replica");
                String config = at(
                        at(shippedWithAgentCheck(writers, readers), "pg-0", primary, atPrimary, checkPrimary),
                        "pg-1",
                        standby,
                        atStandby,
                        checkStandby);
                try (Haproxy haproxy = new Haproxy(folder, cluster, config)) {
                    haproxy.awaitStatus("primary", "pg-0", "UP");
                    haproxy.awaitStatus("primary", "pg-1", "DOWN");
                    haproxy.awaitStatus("replicas", "pg-0", "DOWN");
                    haproxy.awaitStatus("replicas", "pg-1", "UP");
                    awaitServer(haproxy, writers, "pg-0");
                    awaitServer(haproxy, readers, "pg-1");

                    primary.stop();
                    haproxy.awaitStatus("primary", "pg-0", "MAINT");
                    haproxy.awaitStatus("replicas", "pg-0", "MAINT");
                    awaitServer(haproxy, writers, NOBODY);
                    primary.start();
                    haproxy.awaitStatus("primary", "pg-0", "UP");
                    awaitServer(haproxy, writers, "pg-0");

                    primary.kill();
                    haproxy.awaitStatus("primary", "pg-0", "DOWN");
                    primary.start();
                    haproxy.awaitStatus("primary", "pg-0", "UP");

                    primary.stop();
                    haproxy.awaitStatus("primary", "pg-0", "MAINT");
                    standby.promote();
                    awaitServer(haproxy, writers, "pg-1");
                    haproxy.awaitStatus("replicas", "pg-1", "DOWN");
                    assertThat(haproxy.status("primary", "pg-0")).isEqualTo("MAINT");
                }
            }
        }
    }

    @Test
    void drainsAReplicaThatLags() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            Postgres standby = cluster.standby("pg-1", primary);
            int readers = cluster.freePort();
            int checkPort = cluster.freePort();
            try (AgentProcess agent = withAgentCheck(cluster, standby, checkPort)) {
                primary.sql("CREATE TABLE t (v text)");
                agent.await200("/replica");
                String config = at(
                                shippedWithAgentCheck(cluster.freePort(), readers), "pg-1", standby, agent, checkPort)
                        .replaceAll("(?m)^ +server pg-0.*\\n", "");
                try (Haproxy haproxy = new Haproxy(folder, cluster, config)) {
                    awaitServer(haproxy, readers, "pg-1");
                    try (Connection reader = connect(readers)) {
                        standby.sql("SELECT pg_wal_replay_pause()");
                        primary.sql(
                                "INSERT INTO t SELECT repeat(md5(v::text), 60) FROM generate_series(1, 12000) AS v");
                        haproxy.awaitStatus("replicas", "pg-1", "DRAIN");
                        Thread.sleep(1500); // far longer than fall health checks
                        assertThat(haproxy.status("replicas", "pg-1")).startsWith("DRAIN");
                        awaitServer(haproxy, readers, NOBODY);
                        assertThat(reader.isValid(1))
                                .as("a session that was there goes on")
                                .isTrue();
                        standby.sql("SELECT pg_wal_replay_resume()");
                        awaitServer(haproxy, readers, "pg-1");
                    }
                }
            }
        }
    }

    @Test
    void understandsTheCheckLinesOfPatronisUsers() throws Exception {
        List<String> checks = List.of(
                "option httpchk",
                "option httpchk OPTIONS /primary",
                "option httpchk GET /read-write",
                "option httpchk HEAD /leader");
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            Map<String, Integer> ports = new LinkedHashMap<>();
            checks.forEach(check -> ports.put(check, cluster.freePort()));
            try (AgentProcess agent = AgentProcess.beside(cluster, primary)) {
                String listeners = ports.entrySet().stream()
                        .map(check -> """
                            listen on-%1$d
                                bind 127.0.0.1:%1$d
                                %2$s
                                server pg-0 127.0.0.1:%3$d check port %4$d inter 100ms fall 3 rise 2
                            """.formatted(check.getValue(), check.getKey(), primary.port(), agent.port()))
                        .collect(Collectors.joining());
                try (Haproxy haproxy = new Haproxy(folder, cluster, """
                            defaults
                                mode tcp
                                timeout client 1m
                                timeout server 1m
                                timeout connect 1s
                            """ + listeners)) {
                    for (int port : ports.values()) {
                        awaitServer(haproxy, port, "pg-0");
                    }
                    primary.kill();
                    for (int port : ports.values()) {
                        awaitServer(haproxy, port, NOBODY);
                    }
                }
            }
        }
    }

    private String shipped(int writers, int readers) throws IOException {
        return adapted("haproxy.cfg", writers, readers);
    }

    private String shippedWithAgentCheck(int writers, int readers) throws IOException {
        return adapted("haproxy-agent-check.cfg", writers, readers);
    }

    /** A file of deploy/haproxy with two servers, our ports and ten times its pace. */
    private String adapted(String name, int writers, int readers) throws IOException {
        return Files.readString(Path.of("deploy/haproxy", name))
                .replaceAll("(?m)^ +server pg-2.*\\n", "")
                .replace("bind :5000", "bind 127.0.0.1:" + writers)
                .replace("bind :5001", "bind 127.0.0.1:" + readers)
                .replace("inter 1s", "inter 100ms")
                .replaceAll("(?m)^ +(user|group|log /dev/log) .*\\n", "")
                .replace("/run/haproxy/admin.sock", folder.resolve("stats").toString());
    }

    private static String at(String config, String name, Postgres server, AgentProcess agent) {
        return config.replaceAll(
                "server %1$s %1$s:5432 check port 8008".formatted(name),
                "server %s 127.0.0.1:%d check port %d".formatted(name, server.port(), agent.port()));
    }

    private static String at(String config, String name, Postgres server, AgentProcess agent, int agentCheckPort) {
        return at(config, name, server, agent)
                .replace(
                        " port %d ".formatted(agent.port()),
                        " port %d agent-port %d ".formatted(agent.port(), agentCheckPort));
    }

    private static AgentProcess withAgentCheck(Cluster cluster, Postgres server, int port) {
        Map<String, String> environment = Map.of(
                "PGSIDECAR_PROBE_AGENT_CHECK_ENABLED",
                "true",
                "PGSIDECAR_PROBE_AGENT_CHECK_PORT",
                "" + port,
                "PGSIDECAR_POSTGRES_DATA_DIRECTORY",
                server.dataDirectory().toString());
        return AgentProcess.start(cluster, server.port(), environment).awaitAnswer();
    }

    private static void awaitServer(Haproxy haproxy, int port, String name) {
        await(name + " at " + port).atMost(Duration.ofSeconds(20)).untilAsserted(() -> assertThat(serverAt(port))
                .as(haproxy.log())
                .isEqualTo(name));
    }

    private static String serverAt(int port) {
        try (Connection session = connect(port);
                Statement statement = session.createStatement();
                ResultSet row = statement.executeQuery("SHOW cluster_name")) {
            row.next();
            return row.getString(1);
        } catch (SQLException e) {
            return NOBODY;
        }
    }

    private static Connection connect(int port) throws SQLException {
        return DriverManager.getConnection(
                "jdbc:postgresql://127.0.0.1:" + port + "/postgres?connectTimeout=2&socketTimeout=2&sslmode=disable",
                Postgres.SUPERUSER,
                "");
    }

    /** A running HAProxy; it works in the cluster's folder, so that it ends with it. */
    private static final class Haproxy implements AutoCloseable {
        private final Process process;
        private final Path log;
        private final Path stats;

        Haproxy(Path folder, Cluster cluster, String config) throws IOException {
            Path file = Files.writeString(folder.resolve("haproxy.cfg"), config);
            log = folder.resolve("haproxy.log");
            stats = folder.resolve("stats");
            process = new ProcessBuilder(TestTools.program("haproxy").toString(), "-db", "-f", file.toString())
                    .directory(cluster.folder().toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start();
        }

        void awaitStatus(String proxy, String server, String status) {
            await("%s/%s %s".formatted(proxy, server, status))
                    .atMost(Duration.ofSeconds(20))
                    .ignoreExceptions()
                    .untilAsserted(
                            () -> assertThat(status(proxy, server)).as(log()).startsWith(status));
        }

        /** The status that HAProxy's statistics show. */
        String status(String proxy, String server) throws IOException {
            try (SocketChannel socket = SocketChannel.open(UnixDomainSocketAddress.of(stats))) {
                socket.write(US_ASCII.encode("show stat\n"));
                String table = new String(Channels.newInputStream(socket).readAllBytes(), US_ASCII);
                List<String> names =
                        List.of(table.lines().findFirst().orElseThrow().split(","));
                return table.lines()
                        .filter(line -> line.startsWith(proxy + "," + server + ","))
                        .map(line -> line.split(",")[names.indexOf("status")])
                        .findFirst()
                        .orElseThrow();
            }
        }

        String log() {
            try {
                return Files.readString(log);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void close() {
            process.destroyForcibly();
        }
    }
}
