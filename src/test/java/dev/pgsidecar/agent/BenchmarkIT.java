package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Account;
import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Partitioned;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Psql;
import dev.pgsidecar.cluster.Standby;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.assertj.core.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;

/** `make bench`: figures of the executable, and of its neighbours in the same minutes on the same machine. */
@Tag("bench")
@TestMethodOrder(MethodOrderer.MethodName.class)
class BenchmarkIT {

    /** What is measured has a core for itself, and so has who measures. */
    private static final String MEASURED = "0";

    private static final String MEASURER = "1";

    private static final int ROUNDS = 5;

    private static final HttpClient HTTP = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(2))
            .build();

    @TempDir
    Path folder;

    private Cluster cluster;

    @BeforeEach
    void tools() {
        needs("/usr/bin/wrk");
        needs("/usr/bin/taskset");
    }

    @Test
    void probes() throws Exception {
        needs("/usr/sbin/nginx");
        try (Cluster open = Cluster.on(17)) {
            cluster = open;
            Postgres primary = open.primary("pg-0");
            try (AgentProcess agent = AgentProcess.beside(open, primary);
                    Neighbour nginx = nginx()) {
                probes(agent, nginx, "nginx, `return 200`", 0.4);
            }
        }
    }

    @Test
    void probesBesidePatroni() throws Exception {
        needs("/usr/bin/patroni");
        needs("/usr/bin/etcd");
        try (Cluster open = Cluster.on(15)) {
            cluster = open;
            Postgres primary = open.primary("pg-0");
            try (AgentProcess agent = AgentProcess.beside(open, primary);
                    Neighbour etcd = etcd();
                    Neighbour patroni = patroni(etcd)) {
                probes(agent, patroni, "Patroni", 20);
            }
        }
    }

    /** In turns, so that both have the same minutes of the machine. */
    private void probes(AgentProcess agent, Neighbour neighbour, String name, double atLeast) throws Exception {
        agent.await200("/primary");
        pin(agent.process());
        List<Load> ours = new ArrayList<>();
        List<Load> theirs = new ArrayList<>();
        for (int round = 0; round < ROUNDS; round++) {
            ours.add(load(agent.port(), "/primary"));
            theirs.add(load(neighbour.port(), "/primary"));
        }
        double own = Figures.median(ours.stream().map(Load::perSecond).toList());
        double other = Figures.median(theirs.stream().map(Load::perSecond).toList());
        Figures.reportRatio("probes a second on one core, 32 connections", own, name, other, atLeast);
        double ownP99 = Figures.median(ours.stream().map(Load::p99).toList());
        double otherP99 = Figures.median(theirs.stream().map(Load::p99).toList());
        Figures.line(
                "99 % of these within, ms",
                "%.1f".formatted(ownP99),
                "%s: %.1f".formatted(name, otherP99),
                "%.2f".formatted(ownP99 / otherP99),
                "",
                true);
    }

    @Test
    void scrapesWithTwentySlots() throws Exception {
        needs("/usr/bin/prometheus-postgres-exporter");
        try (Cluster open = Cluster.on(17)) {
            cluster = open;
            Postgres primary = open.primary("pg-0", Map.of("max_replication_slots", "30"));
            slots(primary, 20);
            try (AgentProcess agent = AgentProcess.beside(open, primary);
                    Neighbour exporter = exporter(primary)) {
                agent.await200("/primary");
                await().untilAsserted(() -> assertThat(agent.getText("/metrics"))
                        .contains("slot_19", "pg_stat_database_xact_commit", "pg_settings_max_connections"));
                List<Double> ours = new ArrayList<>();
                List<Double> theirs = new ArrayList<>();
                for (int scrape = 0; scrape < 300; scrape++) {
                    ours.add(millis(() -> status(agent.port(), "/metrics")));
                    theirs.add(millis(() -> status(exporter.port(), "/metrics")));
                }
                Figures.line(
                        "a scrape with 20 slots, ms",
                        "%.1f".formatted(Figures.median(ours)),
                        "postgres_exporter: %.1f".formatted(Figures.median(theirs)),
                        "%.2f".formatted(Figures.median(ours) / Figures.median(theirs)),
                        "at most 5",
                        Figures.median(ours) <= 5);
            }
        }
    }

    @Test
    void observationOfFiveStandbysAndTwentySlots() {
        try (Cluster open = Cluster.on(17)) {
            Postgres primary = open.primary(
                    "pg-0",
                    Map.of(
                            "shared_preload_libraries", "pg_stat_statements",
                            "pg_stat_statements.track_planning", "on",
                            "max_replication_slots", "30"));
            primary.sql("CREATE EXTENSION pg_stat_statements");
            for (int standby = 1; standby <= 5; standby++) {
                open.standby("pg-" + standby, primary, Standby.WITH_SLOT);
            }
            slots(primary, 15);
            try (AgentProcess agent = AgentProcess.beside(open, primary)) {
                agent.await200("/primary");
                primary.sql("SELECT pg_stat_statements_reset()");
                String statement = " FROM pg_stat_statements WHERE query LIKE '%recovering%' AND calls > 1";
                await().atMost(Duration.ofMinutes(2))
                        .until(() ->
                                Integer.parseInt(primary.query("SELECT coalesce(sum(calls), 0)" + statement)) >= 200);
                double millis = Double.parseDouble(
                        primary.query("SELECT sum(total_exec_time + total_plan_time)" + " / sum(calls)" + statement));
                Figures.reportBound("server time of an observation, 5 standbys and 20 slots, ms", millis, 2);
            }
        }
    }

    @Test
    void startToTheFirstTrueProbe() throws Exception {
        try (Cluster open = Cluster.on(17)) {
            Postgres primary = open.primary("pg-0");
            List<Double> starts = new ArrayList<>();
            for (int start = 0; start < 15; start++) {
                long began = System.nanoTime();
                try (AgentProcess agent = AgentProcess.start(open, primary.port(), Map.of())) {
                    while (!answersTrue(agent.port())) {
                        Thread.sleep(1);
                    }
                    starts.add((System.nanoTime() - began) / 1e6);
                }
            }
            Figures.reportBound("start to the first 200 of /primary, ms (15 starts)", Figures.median(starts), 150);
        }
    }

    @Test
    void promote() throws Exception {
        promotes("order of a promote to the first committed write, nothing to replay", 0);
        promotes("the same, 200,000 rows to replay", 200_000);
    }

    private void promotes(String what, int rows) throws Exception {
        List<Double> ordered = new ArrayList<>();
        List<Double> byHand = new ArrayList<>();
        for (int round = 0; round < 7; round++) {
            ordered.add(promoted(true, rows));
            byHand.add(promoted(false, rows));
        }
        Figures.line(
                what + ", ms (7 each)",
                "%.0f".formatted(Figures.median(ordered)),
                "pg_ctl promote: %.0f".formatted(Figures.median(byHand)),
                "%.2f".formatted(Figures.median(ordered) / Figures.median(byHand)),
                "ratio at most 1.15",
                Figures.median(ordered) / Figures.median(byHand) <= 1.15);
    }

    /** From the order until a client that tries again and again has committed. */
    private double promoted(boolean byAgent, int rows) throws Exception {
        try (Cluster open = Cluster.on(17)) {
            Postgres primary = open.primary("pg-0");
            primary.sql("CREATE TABLE t (v int)");
            Psql.install(primary);
            Postgres standby = open.standby("pg-1", primary);
            open.awaitReplay(primary, standby);
            try (AgentProcess agent = AgentProcess.start(
                            open, standby.port(), Map.of("PGSIDECAR_POSTGRES_DATABASE", "pgsidecar"))
                    .awaitAnswer()) {
                agent.await200("/health");
                if (rows > 0) {
                    standby.sql("SELECT pg_wal_replay_pause()");
                    primary.sql("INSERT INTO t SELECT generate_series(1, %d)".formatted(rows));
                    String written = primary.query("SELECT pg_current_wal_lsn()");
                    await().until(() -> standby.query("SELECT pg_last_wal_receive_lsn() >= '%s'".formatted(written))
                            .equals("t"));
                }
                primary.kill();
                await().until(() -> standby.query("SELECT count(*) FROM pg_stat_wal_receiver")
                        .equals("0"));
                JsonObject order = new JsonObject()
                        .put("deadPrimary", "pg-0")
                        .put("maxLag", "1GB")
                        .put("waive", new JsonArray().add("peers-answer").add("synchronous"));
                agent.order("/v1/promote?dryRun=true", order); // a connection that is warm, as an orchestrator's is
                long began = System.nanoTime();
                if (byAgent) {
                    assertThat(agent.order("/v1/promote", order).statusCode()).isEqualTo(202);
                } else {
                    new ProcessBuilder(Account.current()
                                    .command(List.of(
                                            standby.binaries().program("pg_ctl"),
                                            "promote",
                                            "-D",
                                            standby.dataDirectory().toString())))
                            .directory(open.folder().toFile())
                            .start();
                }
                try (Connection client = standby.connect();
                        Statement statement = client.createStatement()) {
                    while (true) {
                        try {
                            statement.execute("INSERT INTO t VALUES (1)");
                            return (System.nanoTime() - began) / 1e6;
                        } catch (SQLException e) {
                            Thread.sleep(2); // 25006: it is a standby still
                        }
                    }
                }
            }
        }
    }

    @Test
    void pauses() throws Exception {
        List<Double> proofs = new ArrayList<>();
        List<Double> resumes = new ArrayList<>();
        Path folder = Files.createTempDirectory("pgsidecar-bench");
        try (Paused paused = new Paused(17, folder, Map.of("max_connections", "300"))) {
            Postgres primary = paused.primary();
            primary.sql("ALTER DATABASE app CONNECTION LIMIT -1");
            paused.startAgents();
            AtomicBoolean stop = new AtomicBoolean();
            AtomicLong written = new AtomicLong();
            List<Thread> writers = new ArrayList<>();
            for (int writer = 0; writer < 200; writer++) {
                writers.add(Thread.ofVirtual().start(() -> write(primary, written, stop)));
            }
            for (int round = 0; round < 7; round++) {
                long before = written.get();
                await().atMost(Duration.ofMinutes(1)).until(() -> written.get() > before + 2_000);
                long began = System.nanoTime();
                JsonObject answer = paused.pauseAll("60s");
                proofs.add((System.nanoTime() - began) / 1e6);
                assertThat(answer.getString("guarantee")).isEqualTo("no-ordinary-role-can-write");
                long still = written.get();
                assertThat(written.get()).isEqualTo(still);
                began = System.nanoTime();
                paused.agent().order("/v1/writes/resume", new JsonObject());
                awaitWrite(primary);
                resumes.add((System.nanoTime() - began) / 1e6);
            }
            stop.set(true);
            for (Thread writer : writers) {
                writer.join();
            }
        }
        Figures.reportBound(
                "order of a pause to its proof, 200 clients that write ten times a second and come back, ms (median of 7)",
                Figures.median(proofs),
                500);
        Figures.reportBound(
                "order of a resume to the first commit of a client that tries every 2 ms, ms (median of 7)",
                Figures.median(resumes),
                50);
    }

    @Test
    void partitions() throws Exception {
        Path folder = Files.createTempDirectory("pgsidecar-bench");
        List<Double> ordered = new ArrayList<>();
        List<Double> byHand = new ArrayList<>();
        AtomicLong locks = new AtomicLong();
        AtomicLong locksByHand = new AtomicLong();
        try (Caretaken server = new Caretaken(17, folder, Map.of("max_locks_per_transaction", "256"))) {
            Partitioned app = server.app().byNumber("public.items").grant();
            app.sql("SELECT partman.create_partition_id('public.items', (SELECT array_agg(g * 10000::bigint)"
                    + " FROM generate_series(5, 999) AS g))");
            app.grant();
            server.start();
            server.maintain();
            long next = 10_000_000L;
            for (int round = 0; round < 15; round++) {
                app.sql("INSERT INTO items VALUES (%d)".formatted(next - 50_000 + 15_000));
                next += 10_000;
                long began;
                if (round % 2 == 0) {
                    try (var _ = lockWatch(server, "pgsidecar/maintenance", locks)) {
                        began = System.nanoTime();
                        JsonObject operation =
                                Caretaken.order(server.agent(), "/v1/partitions/maintenance", new JsonObject());
                        ordered.add((System.nanoTime() - began) / 1e6);
                        assertThat(operation.getJsonObject("result").getInteger("made"))
                                .isEqualTo(1);
                    }
                } else {
                    try (var _ = lockWatch(server, "by hand", locksByHand)) {
                        began = System.nanoTime();
                        try (Connection client = server.server().connect("app", "postgres", "");
                                Statement statement = client.createStatement()) {
                            statement.execute("SET application_name = 'by hand'");
                            statement.execute("CALL partman.run_maintenance_proc()");
                            byHand.add((System.nanoTime() - began) / 1e6);
                        }
                    }
                    app.grant();
                }
            }
        }
        double ratio = Figures.median(ordered) / Figures.median(byHand);
        Figures.line(
                "order of maintenance to its verified end, a set of 1,000 partitions, ms (7 each)",
                "%.0f".formatted(Figures.median(ordered)),
                "run_maintenance_proc: %.0f".formatted(Figures.median(byHand)),
                "%.2f".formatted(ratio),
                "ratio at most 1.3",
                ratio <= 1.3);
        Figures.line(
                "the same, most locks held at once", "" + locks, "run_maintenance_proc: " + locksByHand, "", "", true);
    }

    /** Counts the locks of sessions of this name, as long as it is open. */
    private static AutoCloseable lockWatch(Caretaken server, String application, AtomicLong most) {
        AtomicBoolean stop = new AtomicBoolean();
        Thread watch = Thread.ofVirtual().start(() -> {
            try (Connection client = server.server().connect("app", "postgres", "");
                    var statement =
                            client.prepareStatement("SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
                                    + " WHERE application_name = ?")) {
                statement.setString(1, application);
                while (!stop.get()) {
                    try (var rows = statement.executeQuery()) {
                        rows.next();
                        most.accumulateAndGet(rows.getLong(1), Math::max);
                    }
                    Thread.sleep(5);
                }
            } catch (SQLException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        return () -> {
            stop.set(true);
            watch.join();
        };
    }

    private static void awaitWrite(Postgres server) throws InterruptedException {
        while (true) {
            try {
                Paused.write(server);
                return;
            } catch (SQLException e) {
                Thread.sleep(2); // not yet
            }
        }
    }

    private static void write(Postgres server, AtomicLong written, AtomicBoolean stop) {
        while (!stop.get()) {
            try (Connection session = server.connect("app", "app", "");
                    Statement statement = session.createStatement()) {
                while (!stop.get()) {
                    statement.execute("INSERT INTO t DEFAULT VALUES");
                    written.incrementAndGet();
                    Thread.sleep(100);
                }
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            } catch (SQLException e) {
                try {
                    Thread.sleep(200);
                } catch (InterruptedException interrupted) {
                    throw new IllegalStateException(interrupted);
                }
            }
        }
    }

    @Test
    void memory() throws Exception {
        int minutes = Integer.getInteger("bench.minutes", 10);
        try (Cluster open = Cluster.on(17)) {
            cluster = open;
            Postgres primary = open.primary("pg-0", Map.of("max_replication_slots", "30"));
            slots(primary, 20);
            // As users run it: an observation a second.
            Map<String, String> usual = Map.of(
                    "PGSIDECAR_OBSERVE_INTERVAL", "1s",
                    "PGSIDECAR_OBSERVE_STALE_AFTER", "5s",
                    "PGSIDECAR_OBSERVE_CONNECT_EVERY", "5s");
            try (AgentProcess agent =
                    AgentProcess.start(open, primary.port(), usual).awaitAnswer()) {
                agent.await200("/primary");
                for (int probe = 0; probe < 100_000; probe++) {
                    assertThat(status(agent.port(), "/primary")).isEqualTo(200);
                    if (probe % 100 == 0) {
                        assertThat(status(agent.port(), "/metrics")).isEqualTo(200);
                    }
                }
                Figures.reportBound(
                        "resident after 100,000 probes and 1,000 scrapes, MB", megabytes(agent, "VmRSS"), 64);
                Figures.reportBound("of it anonymous, MB", megabytes(agent, "RssAnon"), 24);
                Thread.sleep(10_000);
                double anonymous = megabytes(agent, "RssAnon");
                double mostResident = 0;
                double mostAnonymous = anonymous;
                long end = System.nanoTime() + Duration.ofMinutes(minutes).toNanos();
                while (System.nanoTime() < end) {
                    for (int probe = 0; probe < 10; probe++) {
                        status(agent.port(), "/primary");
                    }
                    status(agent.port(), "/metrics");
                    Thread.sleep(1000);
                    mostResident = Math.max(mostResident, megabytes(agent, "VmRSS"));
                    mostAnonymous = Math.max(mostAnonymous, megabytes(agent, "RssAnon"));
                }
                String next = "over the next %d minutes (10 probes and a scrape a second), MB".formatted(minutes);
                Figures.reportBound("most resident " + next, mostResident, 64);
                Figures.reportBound("anonymous grown " + next, mostAnonymous - anonymous, 1);
            }
        }
    }

    // --- What is measured with -----------------------------------------------------------------------------------

    private record Load(double perSecond, double p99) {}

    private static final Pattern RATE = Pattern.compile("Requests/sec:\\s+([0-9.]+)");
    private static final Pattern P99 = Pattern.compile("99%\\s+([0-9.]+)(us|ms|s)");

    private Load load(int port, String path) throws IOException, InterruptedException {
        Path output = Files.createTempFile(folder, "wrk", ".out");
        new ProcessBuilder(
                        "taskset",
                        "-c",
                        MEASURER,
                        "wrk",
                        "-t1",
                        "-c32",
                        "-d5s",
                        "--latency",
                        "http://127.0.0.1:%d%s".formatted(port, path))
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start()
                .waitFor();
        String text = Files.readString(output);
        assertThat(text).doesNotContain("Non-2xx");
        Matcher rate = RATE.matcher(text);
        Matcher p99 = P99.matcher(text);
        assertThat(rate.find() && p99.find()).as(text).isTrue();
        double unit =
                switch (p99.group(2)) {
                    case "us" -> 1e-3;
                    case "ms" -> 1;
                    default -> 1e3;
                };
        return new Load(Double.parseDouble(rate.group(1)), Double.parseDouble(p99.group(1)) * unit);
    }

    private static double millis(IntSupplier request) {
        long began = System.nanoTime();
        assertThat(request.getAsInt()).isEqualTo(200);
        return (System.nanoTime() - began) / 1e6;
    }

    private static int status(int port, String path) {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:%d%s".formatted(port, path)))
                .timeout(Duration.ofSeconds(10))
                .build();
        try {
            return HTTP.send(request, HttpResponse.BodyHandlers.ofByteArray()).statusCode();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Without an HTTP client, whose first request would be the slowest part. */
    private static boolean answersTrue(int port) {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.getOutputStream().write("GET /primary HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readNBytes(12), StandardCharsets.US_ASCII).endsWith("200");
        } catch (IOException e) {
            return false;
        }
    }

    private static double megabytes(AgentProcess agent, String field) throws IOException {
        return Files.readAllLines(Path.of("/proc/" + agent.process().pid() + "/status")).stream()
                .filter(line -> line.startsWith(field + ":"))
                .mapToDouble(line -> Double.parseDouble(line.replaceAll("\\D", "")) / 1024)
                .findFirst()
                .orElseThrow();
    }

    private static void slots(Postgres primary, int count) {
        for (int slot = 0; slot < count; slot++) {
            primary.sql("SELECT pg_create_physical_replication_slot('slot_%d', true)".formatted(slot));
        }
    }

    private static void pin(Process process) throws IOException, InterruptedException {
        new ProcessBuilder("taskset", "-acp", MEASURED, "" + process.pid())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start()
                .waitFor();
    }

    private static void needs(String program) {
        Assumptions.assumeThat(Path.of(program)).exists();
    }

    // --- The neighbours ------------------------------------------------------------------------------------------

    /** Another program that answers HTTP on a port; it works in the cluster's folder, so that it ends with it. */
    private record Neighbour(Process process, int port) implements AutoCloseable {
        @Override
        public void close() {
            process.destroyForcibly();
        }
    }

    private Neighbour nginx() throws IOException {
        int port = cluster.freePort();
        Path config = Files.writeString(folder.resolve("nginx.conf"), """
                daemon off;
                master_process off;
                pid %1$s/nginx.pid;
                error_log stderr;
                events {}
                http {
                  access_log off;
                  keepalive_requests 1000000000;
                  client_body_temp_path %1$s; proxy_temp_path %1$s; fastcgi_temp_path %1$s; uwsgi_temp_path %1$s; scgi_temp_path %1$s;
                  default_type application/json;
                  server {
                    listen 127.0.0.1:%2$d;
                    return 200 '{"role": "primary", "state": "running", "timeline": 1, "observedAt": "2026-01-02T03:04:05.678901Z", "reason": "ok"}';
                  }
                }
                """.formatted(folder, port));
        return start(port, "/", Map.of(), "taskset", "-c", MEASURED, "nginx", "-e", "stderr", "-c", config.toString());
    }

    private Neighbour exporter(Postgres primary) throws IOException {
        int port = cluster.freePort();
        return start(
                port,
                "/metrics",
                Map.of(
                        "DATA_SOURCE_NAME",
                        "postgresql://postgres@127.0.0.1:%d/postgres?sslmode=disable".formatted(primary.port())),
                "prometheus-postgres-exporter",
                "--web.listen-address=127.0.0.1:" + port);
    }

    private Neighbour etcd() throws IOException {
        int port = cluster.freePort();
        String url = "http://127.0.0.1:" + port;
        String peers = "http://127.0.0.1:" + cluster.freePort();
        return start(
                port,
                "/health",
                Map.of(),
                "etcd",
                "--data-dir=" + folder.resolve("etcd"),
                "--listen-client-urls=" + url,
                "--advertise-client-urls=" + url,
                "--listen-peer-urls=" + peers,
                "--initial-advertise-peer-urls=" + peers,
                "--initial-cluster=default=" + peers);
    }

    private Neighbour patroni(Neighbour etcd) throws IOException {
        int port = cluster.freePort();
        Path home = cluster.folder().resolve("patroni");
        Path config = Files.writeString(folder.resolve("patroni.yaml"), """
                scope: bench
                name: pg-0
                restapi: { listen: "127.0.0.1:%1$d", connect_address: "127.0.0.1:%1$d" }
                etcd3: { host: "127.0.0.1:%2$d" }
                bootstrap:
                  dcs: { ttl: 30, loop_wait: 10 }
                  initdb: [ { encoding: UTF8 }, { locale: C } ]
                  pg_hba: [ "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust" ]
                postgresql:
                  listen: 127.0.0.1:%3$d
                  connect_address: 127.0.0.1:%3$d
                  data_dir: %4$s/data
                  bin_dir: %5$s
                  pgpass: %4$s/pgpass
                  authentication:
                    superuser: { username: postgres, password: bench }
                    replication: { username: replicator, password: bench }
                  parameters: { unix_socket_directories: "%4$s", shared_buffers: 16MB }
                """.formatted(
                        port,
                        etcd.port(),
                        cluster.freePort(),
                        home,
                        Path.of(cluster.binaries().program("postgres")).getParent()));
        openToAll(config);
        List<String> command = new ArrayList<>(List.of("taskset", "-c", MEASURED));
        command.addAll(Account.current()
                .command(List.of(
                        "sh", "-c", "mkdir -m 700 %1$s && cd %1$s && exec patroni %2$s".formatted(home, config))));
        return start(port, "/primary", Map.of(), command.toArray(String[]::new));
    }

    private void openToAll(Path file) throws IOException {
        Files.setPosixFilePermissions(folder, java.nio.file.attribute.PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.setPosixFilePermissions(file, java.nio.file.attribute.PosixFilePermissions.fromString("rw-r--r--"));
    }

    private Neighbour start(int port, String path, Map<String, String> environment, String... command)
            throws IOException {
        Path log = Files.createTempFile(folder, "neighbour", ".log");
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(cluster.folder().toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile());
        builder.environment().putAll(environment);
        Neighbour neighbour = new Neighbour(builder.start(), port);
        await(Arrays.toString(command))
                .atMost(Duration.ofSeconds(60))
                .ignoreExceptions()
                .untilAsserted(() ->
                        assertThat(status(port, path)).as(Files.readString(log)).isEqualTo(200));
        return neighbour;
    }
}
