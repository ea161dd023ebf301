package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Account;
import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.TestTools;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * What the pods of deploy/kubernetes run, without a Kubernetes: its scripts, its configuration of PostgreSQL, agents and
 * HAProxy, three servers on addresses of their own. Only folders, addresses and ports are others.
 */
@Tag("agent")
@Tag("full")
class KubernetesPodIT {

    private static final Path SHIPPED = Path.of("deploy/kubernetes").toAbsolutePath();
    private static final List<String> ADDRESSES = List.of("127.0.1.10", "127.0.1.11", "127.0.1.12");

    private final Cluster cluster = Cluster.on(17);
    private final int port = cluster.freePort();
    private final int openPort = cluster.freePort();
    private final int commandPort = cluster.freePort();
    private final int writers = cluster.freePort();
    private final int readers = cluster.freePort();
    private final Path folder = cluster.folder();
    private final Path etc = folder.resolve("etc");
    private final Path secrets = folder.resolve("secrets");
    private final List<Process> processes = new ArrayList<>();
    private final Map<Integer, Process> servers = new HashMap<>();

    @BeforeEach
    void prepareFiles() throws Exception {
        makeSecrets();
        Files.createDirectory(etc);
        for (String file : List.of("prepare.sh", "first-start.sql", "pg_hba.conf")) {
            Files.copy(SHIPPED.resolve("base").resolve(file), etc.resolve(file));
        }
        // Whatever user the tests run as is no "postgres" for peer.
        Path hba = etc.resolve("pg_hba.conf");
        Files.writeString(hba, "local all postgres trust\n" + Files.readString(hba));
        for (int pod = 0; pod < ADDRESSES.size(); pod++) {
            Files.createDirectories(volume(pod));
            Files.createDirectories(run(pod));
            Files.writeString(etc.resolve("pg-%d.yaml".formatted(pod)), agentsFile(pod));
            Files.writeString(
                    run(pod).resolve("postgresql.conf"),
                    Files.readString(SHIPPED.resolve("base/postgresql.conf"))
                            .replace("/etc/postgresql/", etc + "/")
                            .replace("/run/tls/", secrets + "/")
                            .replace("/run/pod/", run(pod) + "/")
                            .replace("/run/postgresql", run(pod).toString()));
        }
        give(folder);
    }

    private void makeSecrets() throws Exception {
        List<String> command = new ArrayList<>(
                List.of(SHIPPED.resolve("overlays/example/make-secrets").toString(), "--tls"));
        command.addAll(ADDRESSES);
        Path openssl = TestTools.program("openssl");
        for (int time = 0; time < 2; time++) { // the second changes nothing
            ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
            builder.environment().put("SECRETS_FOLDER", folder.toString());
            builder.environment().put("PGSIDECAR", String.join(" ", AgentProgram.command()));
            builder.environment().merge("PATH", openssl.getParent().toString(), "%s:%s"::formatted);
            builder.environment()
                    .put(
                            "OPENSSL_CONF",
                            openssl.resolveSibling("../lib/ssl/openssl.cnf").toString());
            Process process = builder.start();
            String output = new String(process.getInputStream().readAllBytes());
            assertThat(process.waitFor()).as(output).isZero();
        }
        assertThat(Files.readString(secrets.resolve("tokens")).lines()).hasSize(2);
        assertThat(Files.readString(secrets.resolve("ops-token"))).startsWith("pgs_");
    }

    private String agentsFile(int pod) throws IOException {
        String text = Files.readString(SHIPPED.resolve("base/pg-%d.yaml".formatted(pod)))
                .replace(
                        "/run/secrets/pgsidecar/password",
                        secrets.resolve("pgsidecar").toString())
                .replace("/run/secrets/pgsidecar", secrets.toString())
                .replace("/run/tls", secrets.toString());
        for (int peer = 0; peer < ADDRESSES.size(); peer++) {
            text = text.replace(
                    "https://pg-%d.pg:8009".formatted(peer),
                    "https://%s:%d".formatted(ADDRESSES.get(peer), commandPort));
        }
        return text;
    }

    @AfterEach
    void endAll() {
        processes.forEach(Process::destroyForcibly);
        cluster.close();
    }

    @Test
    void theAgentsTakeTheirConfiguration() {
        for (int pod = 0; pod < ADDRESSES.size(); pod++) {
            AgentProcess.Ended checked = AgentProcess.run(
                    folder,
                    Map.of(
                            "PGSIDECAR_NAME",
                            "pg-" + pod,
                            "PGSIDECAR_CONFIG",
                            SHIPPED.resolve("base/pg-%d.yaml".formatted(pod)).toString()),
                    "config",
                    "check");
            assertThat(checked.exitCode()).as(checked.output()).isZero();
            assertThat(checked.output())
                    .contains("pgsidecar.peers[1].name: pg-", "pgsidecar.log.format: json")
                    .doesNotContain("pgsidecar.peers[2]", "pgsidecar.peers[0].name: pg-" + pod);
        }
    }

    @Test
    void theyBecomeAClusterFollowAPromoteAndHandOver() throws Exception {
        startHaproxy();
        for (int pod = 0; pod < ADDRESSES.size(); pod++) {
            startAgent(pod); // before its server, as a sidecar does
        }
        awaitProbe(0, "/liveness", 200, "ok");
        awaitProbe(0, "/readiness", 503, "down");

        Process first = prepare(0);
        awaitOutput("prepare0", "If this is to be a NEW cluster: kubectl exec pg-0 -c prepare -- touch ");
        assertThat(volume(0)).as("nothing is made unasked").isEmptyDirectory();
        Files.createFile(volume(0).resolve("new-cluster"));
        awaitEnd(first, "prepare0", "ready: a primary");
        startServer(0);
        for (int pod = 1; pod < ADDRESSES.size(); pod++) {
            awaitEnd(prepare(pod), "prepare" + pod, "ready: a standby");
            startServer(pod);
        }
        awaitProbe(0, "/readiness", 200, "ok");
        awaitProbe(1, "/async", 200, "ok");
        sql(0, "CREATE ROLE app LOGIN PASSWORD 'app'");
        sql(0, "CREATE TABLE t AS SELECT 1 AS v");
        awaitProbe(2, "/readiness", 200, "ok");
        for (int pod = 0; pod < ADDRESSES.size(); pod++) {
            sql(
                    pod,
                    "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (\"pg-%d\", \"pg-%d\")'"
                            .formatted((pod + 1) % 3, (pod + 2) % 3));
            sql(pod, "SELECT pg_reload_conf()");
        }
        awaitProbe(1, "/quorum", 200, "ok");
        awaitServer(writers, "pg-0");
        awaitServer(readers, "pg-[12]");
        assertThat(sql(0, "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_replication USING (pid)"))
                .isEqualTo("t");

        servers.get(0).destroyForcibly().waitFor(); // and its children with it
        awaitProbe(0, "/primary", 503, "down");
        int next = mostAdvanced();
        int other = 3 - next;
        order(next, "promote", "--dead", "pg-0");
        awaitServer(writers, "pg-" + next);
        await("the other standby follows by itself")
                .atMost(Duration.ofSeconds(60))
                .untilAsserted(() -> assertThat(sql(other, "SELECT received_tli FROM pg_stat_wal_receiver"))
                        .as(output("server" + other))
                        .isEqualTo("2"));
        awaitProbe(other, "/readiness", 200, "ok");

        Process back = prepare(0);
        awaitOutput("prepare0", "another pod is the primary now, on timeline 2: this one does not start");
        assertThat(back.isAlive()).isTrue();
        back.destroyForcibly().waitFor();
        removeVolume(0);
        awaitEnd(prepare(0), "prepare0", "copying the primary");
        startServer(0);
        awaitProbe(0, "/replica", 200, "ok");
        assertThat(sql(next, "SELECT count(*) FROM pg_replication_slots WHERE active"))
                .isEqualTo("2");
    }

    /** The standby whose agent would promote it. */
    private int mostAdvanced() {
        return await("a standby that can be promoted")
                .atMost(Duration.ofSeconds(60))
                .until(
                        () -> IntStream.of(1, 2)
                                .filter(pod -> ask(pod, "promote", "--dead", "pg-0", "--dry-run")
                                                .exitCode()
                                        == 0)
                                .findFirst(),
                        OptionalInt::isPresent)
                .orElseThrow();
    }

    /** As an operator does, and it must succeed. */
    private String order(int pod, String... command) {
        AgentProcess.Ended ended = ask(pod, command);
        assertThat(ended.exitCode()).as(ended.output()).isZero();
        return ended.output();
    }

    private AgentProcess.Ended ask(int pod, String... command) {
        List<String> arguments = new ArrayList<>(List.of(command));
        arguments.addAll(List.of(
                "--url",
                "https://%s:%d".formatted(ADDRESSES.get(pod), commandPort),
                "--ca",
                secrets.resolve("ca.crt").toString(),
                "--token-file",
                secrets.resolve("ops-token").toString()));
        return AgentProcess.run(folder, Map.of(), arguments.toArray(String[]::new));
    }

    private Path volume(int pod) {
        return folder.resolve("volume" + pod);
    }

    private Path run(int pod) {
        return folder.resolve("run" + pod);
    }

    private void removeVolume(int pod) throws Exception {
        assertThat(new ProcessBuilder("rm", "-rf", volume(pod).toString())
                        .start()
                        .waitFor())
                .isZero();
        Files.createDirectory(volume(pod));
        give(volume(pod));
    }

    /** To the account that servers run as. */
    private static void give(Path path) throws Exception {
        assertThat(new ProcessBuilder("chown", "-R", Account.current().name() + ":", path.toString())
                        .inheritIO()
                        .start()
                        .waitFor())
                .isZero();
    }

    private Process prepare(int pod) throws IOException {
        return begin(
                "prepare" + pod,
                Account.current()
                        .command(List.of("bash", etc.resolve("prepare.sh").toString())),
                Map.ofEntries(
                        Map.entry("POD_NAME", "pg-" + pod),
                        Map.entry("PG_HOSTS", String.join(",", ADDRESSES)),
                        Map.entry("PGPORT", "" + port),
                        Map.entry("DATA", volume(pod).toString()),
                        Map.entry("RUN", run(pod).toString()),
                        Map.entry("SECRETS", secrets.toString()),
                        Map.entry("TLS", secrets.toString()),
                        Map.entry("SQL", Path.of("deploy/sql").toAbsolutePath().toString()),
                        Map.entry("ETC", etc.toString()),
                        Map.entry("PAUSE", "0.2"),
                        Map.entry("PATH", cluster.binaries().folder() + ":" + System.getenv("PATH"))));
    }

    private void startServer(int pod) throws IOException {
        servers.put(
                pod,
                begin(
                        "server" + pod,
                        Account.current()
                                .command(List.of(
                                        cluster.binaries().program("postgres"),
                                        "-D",
                                        volume(pod).resolve("pgdata").toString(),
                                        "-c",
                                        "config_file=" + run(pod).resolve("postgresql.conf"),
                                        "-c",
                                        "listen_addresses=" + ADDRESSES.get(pod),
                                        "-c",
                                        "port=" + port)),
                        Map.of("HOME", run(pod).toString())));
    }

    private void startAgent(int pod) throws IOException {
        Path state = Files.createDirectory(folder.resolve("state" + pod));
        processes.add(AgentProcess.begin(
                folder.resolve("agent%d.log".formatted(pod)),
                Map.ofEntries(
                        Map.entry("PGSIDECAR_NAME", "pg-" + pod),
                        Map.entry(
                                "PGSIDECAR_CONFIG",
                                etc.resolve("pg-%d.yaml".formatted(pod)).toString()),
                        Map.entry("PGSIDECAR_STATE_DIR", state.toString()),
                        Map.entry("PGSIDECAR_POSTGRES_HOST", ADDRESSES.get(pod)),
                        Map.entry("PGSIDECAR_POSTGRES_PORT", "" + port),
                        Map.entry("PGSIDECAR_OPEN_HOST", ADDRESSES.get(pod)),
                        Map.entry("PGSIDECAR_OPEN_PORT", "" + openPort),
                        Map.entry("PGSIDECAR_COMMAND_HOST", ADDRESSES.get(pod)),
                        Map.entry("PGSIDECAR_COMMAND_PORT", "" + commandPort))));
    }

    private void startHaproxy() throws IOException {
        String config = Files.readString(SHIPPED.resolve("base/haproxy.cfg"))
                .replace("bind :5000", "bind 127.0.0.1:" + writers)
                .replace("bind :5001", "bind 127.0.0.1:" + readers)
                .replace("bind :8404", "bind 127.0.0.1:" + cluster.freePort())
                .replace("check port 8008", "check port " + openPort)
                .replace("inter 1s", "inter 200ms");
        for (int pod = 0; pod < ADDRESSES.size(); pod++) {
            config = config.replace(
                    "\"pg-%d.pg.${NAMESPACE}.svc.${CLUSTER_DOMAIN}:5432\"".formatted(pod),
                    ADDRESSES.get(pod) + ":" + port);
        }
        Path file = Files.writeString(folder.resolve("haproxy.cfg"), config);
        begin("haproxy", List.of(TestTools.program("haproxy").toString(), "-db", "-f", file.toString()), Map.of());
    }

    /** Works in the cluster's folder, and so ends with it. */
    private Process begin(String name, List<String> command, Map<String, String> environment) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve(name + ".log").toFile());
        builder.environment().keySet().removeIf(each -> each.startsWith("PG"));
        builder.environment().put("LC_ALL", "C");
        builder.environment().putAll(environment);
        Process process = builder.start();
        processes.add(process);
        return process;
    }

    private void awaitEnd(Process process, String name, String said) throws Exception {
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).as(output(name)).isTrue();
        assertThat(process.exitValue()).as(output(name)).isZero();
        assertThat(output(name)).contains(said);
    }

    private void awaitOutput(String name, String text) {
        await(name).atMost(Duration.ofSeconds(30)).untilAsserted(() -> assertThat(output(name))
                .contains(text));
    }

    private String output(String name) {
        try {
            return Files.readString(folder.resolve(name + ".log"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void awaitProbe(int pod, String path, int status, String reason) {
        await("pg-%d%s %d %s".formatted(pod, path, status, reason))
                .atMost(Duration.ofSeconds(60))
                .pollInterval(Duration.ofMillis(100))
                .ignoreExceptions()
                .untilAsserted(() -> {
                    HttpResponse<String> answer = HttpClient.newHttpClient()
                            .send(
                                    HttpRequest.newBuilder(URI.create(
                                                    "http://%s:%d%s".formatted(ADDRESSES.get(pod), openPort, path)))
                                            .build(),
                                    HttpResponse.BodyHandlers.ofString());
                    assertThat(answer.statusCode())
                            .as(answer.body() + output("agent" + pod))
                            .isEqualTo(status);
                    assertThat(new JsonObject(answer.body()).getString("reason"))
                            .isEqualTo(reason);
                });
    }

    private void awaitServer(int routerPort, String name) {
        await(name).atMost(Duration.ofSeconds(30)).ignoreExceptions().untilAsserted(() -> assertThat(query(
                        "jdbc:postgresql://127.0.0.1:%d/postgres?sslmode=require&connectTimeout=2"
                                .formatted(routerPort),
                        "SHOW cluster_name"))
                .as(output("haproxy"))
                .matches(name));
    }

    private static String query(String url, String sql) throws SQLException {
        try (Connection session = DriverManager.getConnection(url, "app", "app");
                Statement statement = session.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getString(1);
        }
    }

    /** As kubectl exec would. */
    private String sql(int pod, String statement) throws Exception {
        Process psql = new ProcessBuilder(Account.current()
                        .command(List.of(
                                cluster.binaries().program("psql"),
                                "-XAtq",
                                "-h",
                                run(pod).toString(),
                                "-p",
                                "" + port,
                                "-U",
                                "postgres",
                                "-d",
                                "postgres",
                                "-c",
                                statement)))
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .start();
        String output = new String(psql.getInputStream().readAllBytes()).strip();
        assertThat(psql.waitFor()).as(output).isZero();
        return output;
    }
}
