package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Certificate;
import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Proxy;
import dev.pgsidecar.cluster.Standby;
import dev.pgsidecar.cluster.StopMode;
import io.vertx.core.json.JsonObject;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The agent beside real servers, asked as balancers, Kubernetes and people ask it. */
@Tag("agent")
class AgentIT {

    private static final List<String> ON_PRIMARY = List.of(
            "/",
            "/primary",
            "/read-write",
            "/leader",
            "/master",
            "/read-only",
            "/read-only-sync",
            "/read-only-quorum",
            "/health",
            "/readiness",
            "/readyz");
    private static final List<String> ON_REPLICA = List.of(
            "/replica", "/read-only", "/health", "/readiness", "/readyz", "/replica?replication_state=streaming");
    private static final List<String> ALWAYS = List.of(
            "/liveness",
            "/livez",
            "/startup",
            "/startupz",
            "/patroni",
            "/metrics",
            "/q/health/live",
            "/q/health/started");
    private static final List<String> NEVER = List.of(
            "/standby-leader", "/standby_leader", "/sync", "/synchronous", "/async", "/asynchronous", "/quorum");

    @TempDir
    Path folder;

    @Test
    void answersByRoleAndFollowsIt() {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            Postgres standby = cluster.standby("pg-1", primary, Standby.WITH_SLOT);
            primary.sql("CREATE TABLE spoken ()"); // an idle one says nothing for a while, and lag is unknown then
            try (AgentProcess atPrimary = AgentProcess.beside(cluster, primary);
                    AgentProcess atStandby = AgentProcess.beside(cluster, standby)) {
                JsonObject body = atPrimary.await200("/primary");
                assertThat(body.fieldNames())
                        .containsExactlyInAnyOrder("role", "state", "reason", "timeline", "observedAt", "status");
                assertThat(body.getString("state")).isEqualTo("running");
                body = atStandby.await200("/replica");
                assertThat(body.getString("role")).isEqualTo("replica");
                assertThat(body.getString("state")).isEqualTo("streaming");
                assertThat(body.getJsonObject("lag").getLong("bytes")).isZero();
                assertThat(body.getJsonObject("lag").getDouble("seconds")).isZero();

                assertStatuses(atPrimary, ON_PRIMARY, ON_REPLICA);
                assertStatuses(atStandby, ON_REPLICA, ON_PRIMARY);
                assertThat(atStandby.json("/sync").getString("reason")).isEqualTo("unknown");
                assertThat(atPrimary.json("/sync").getString("reason")).isEqualTo("not-replica");
                assertMetrics(atPrimary, atStandby);
                assertPatroni(atPrimary.json("/patroni"), atStandby.json("/patroni"));

                primary.kill();
                assertThat(atPrimary.await503("/primary", "down").getString("role"))
                        .isNull();
                assertThat(atPrimary.status("/liveness")).isEqualTo(200);
                assertThat(atPrimary.status("/q/health/ready")).isEqualTo(503);
                assertThat(atStandby.status("/replica")).as("readers stay").isEqualTo(200);
                standby.promote();
                assertThat(atStandby.await200("/primary").getInteger("timeline"))
                        .isEqualTo(2);
                atStandby.await503("/replica", "not-replica");
            }
        }
    }

    private static void assertStatuses(AgentProcess agent, List<String> passing, List<String> others) {
        for (String path : passing) {
            assertEveryMethod(agent, path, 200);
        }
        for (String path : others) {
            if (!passing.contains(path)) {
                assertEveryMethod(agent, path, 503);
            }
        }
        ALWAYS.forEach(path -> assertEveryMethod(agent, path, 200));
        NEVER.forEach(path -> assertEveryMethod(agent, path, 503));
        assertEveryMethod(agent, "/q/health", 200);
    }

    private static void assertEveryMethod(AgentProcess agent, String path, int status) {
        for (String method : List.of("GET", "HEAD", "OPTIONS")) {
            HttpResponse<String> response = agent.send(method, path);
            assertThat(response.statusCode())
                    .as("%s %s: %s", method, path, response.body())
                    .isEqualTo(status);
            if (!method.equals("GET")) {
                assertThat(response.body()).isEmpty();
            }
            if (method.equals("OPTIONS")) {
                assertThat(response.headers().firstValue("Allow")).contains("GET, HEAD, OPTIONS");
            }
        }
        for (String method : List.of("POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND")) {
            HttpResponse<String> response = agent.send(method, path);
            assertThat(response.statusCode()).as("%s %s", method, path).isEqualTo(405);
            assertThat(response.headers().firstValue("Allow")).contains("GET, HEAD, OPTIONS");
        }
    }

    private static void assertMetrics(AgentProcess atPrimary, AgentProcess atStandby) {
        assertThat(atPrimary.get("/metrics").body())
                .contains(
                        "pgsidecar_up 1.0",
                        "pgsidecar_role{role=\"primary\"} 1.0",
                        "pgsidecar_role{role=\"replica\"} 0.0",
                        "pgsidecar_timeline 1.0",
                        "pgsidecar_observation_age_seconds ",
                        "pgsidecar_slot_active{slot=\"pg_1\"} 1.0",
                        "pgsidecar_slot_retained_bytes{slot=\"pg_1\"} ",
                        "pgsidecar_observation_failed{reason=\"down\"} 0.0")
                .doesNotContain("pgsidecar_replica_lag");
        assertThat(atStandby.get("/metrics").body())
                .contains(
                        "pgsidecar_role{role=\"replica\"} 1.0",
                        "pgsidecar_replica_lag_bytes 0.0",
                        "pgsidecar_replica_lag_seconds 0.0",
                        "pgsidecar_receiver_streaming 1.0",
                        "pgsidecar_receiver_silence_seconds ");
    }

    private static void assertPatroni(JsonObject primary, JsonObject standby) {
        assertThat(primary.getString("role")).isEqualTo("primary");
        assertThat(primary.getInteger("server_version")).isBetween(170000, 179999);
        assertThat(primary.getJsonObject("xlog").getLong("location")).isPositive();
        JsonObject replication = primary.getJsonArray("replication").getJsonObject(0);
        assertThat(replication.getString("application_name")).isEqualTo("pg-1");
        assertThat(replication.getString("client_addr"))
                .as("no address on an open port")
                .isNull();
        assertThat(standby.getString("replication_state")).isEqualTo("streaming");
        assertThat(standby.getJsonObject("xlog").getBoolean("paused")).isFalse();
        assertThat(standby.getJsonObject("xlog").getLong("replayed_location")).isPositive();
    }

    @Test
    void refusesWhatItDoesNotUnderstand() {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            try (AgentProcess agent = AgentProcess.beside(cluster, primary)) {
                agent.await200("/primary");
                for (String query : List.of(
                        "lag=banana",
                        "lag=-1",
                        "lag=99999999999999999999",
                        "lag=",
                        "lag=1&lag=2",
                        "lagg=1MB",
                        "mode=x")) {
                    HttpResponse<String> response = agent.get("/replica?" + query);
                    assertThat(response.statusCode()).as(query).isEqualTo(400);
                    assertThat(new JsonObject(response.body()).getString("reason"))
                            .isEqualTo("bad-query");
                }
                assertThat(agent.status("/primary?tag_datacentre=a")).isEqualTo(503);
                assertThat(agent.status("/primary?lag=1MB")).isEqualTo(200);
                for (String path : List.of(
                        "/primar",
                        "/primary/",
                        "//primary",
                        "/PRIMARY",
                        "/v1/promote",
                        "/q",
                        "/q/arc",
                        "/q/health/group/x",
                        "/metrics/",
                        "/%70rimary",
                        "/primary%00",
                        "/../primary")) {
                    assertThat(agent.status(path)).as(path).isEqualTo(404);
                }
            }
        }
    }

    @Test
    void turnsAwayAHungStoppedOrForeignServerByName() {
        try (Cluster cluster = Cluster.on(17);
                Cluster stranger = Cluster.withOwnSystemIdentifier(17)) {
            Postgres server = cluster.primary("pg-0");
            Postgres other = stranger.primary("pg-x");
            try (Proxy proxy = Proxy.to(server.port());
                    AgentProcess agent = AgentProcess.onPort(cluster, proxy.port(), "--state-dir", folder.toString())) {
                agent.await200("/primary");
                server.hang();
                agent.await503("/primary", "hung");
                server.resume();
                agent.await200("/primary");
                server.stop(StopMode.IMMEDIATE);
                agent.await503("/health", "unreachable"); // behind the proxy, which still listens
                server.start();
                agent.await200("/health");

                proxy.turnTo(other.port());
                agent.await503("/primary", "wrong-instance");
                for (String path : List.of("/health", "/replica", "/read-only", "/readiness", "/startup", "/sync")) {
                    assertThat(agent.json(path).getString("reason")).as(path).isEqualTo("wrong-instance");
                }
                assertThat(agent.status("/liveness")).isEqualTo(200);
                assertThat(agent.log()).contains("pgsidecar identity accept");
                AgentProcess.Ended accepted = AgentProcess.run(
                        folder,
                        Map.of(),
                        "identity",
                        "accept",
                        "--port",
                        "" + other.port(),
                        "--user",
                        "postgres",
                        "--database",
                        "postgres",
                        "--state-dir",
                        folder.toString());
                assertThat(accepted.exitCode()).as(accepted.output()).isZero();
                assertThat(accepted.output()).contains("accepted system_identifier");
                agent.await200("/primary");
            }
        }
    }

    @Test
    void logsInWithAPasswordOverTls() throws Exception {
        Certificate certificate = Certificate.make(folder, "localhost");
        Path authority = Files.writeString(folder.resolve("authority.pem"), certificate.pem());
        Path secret = Files.writeString(folder.resolve("secret"), "a$$b${c}\n");
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            certificate.giveTo(server);
            server.sql("CREATE ROLE watcher LOGIN PASSWORD 'a$$b${c}'", "GRANT pg_monitor TO watcher");
            try (AgentProcess agent = AgentProcess.start(
                    cluster,
                    server.port(),
                    Map.of(
                            "PGSIDECAR_POSTGRES_PASSWORD_FILE",
                            secret.toString(),
                            "PGSIDECAR_POSTGRES_HOST",
                            "localhost",
                            "PGSIDECAR_POSTGRES_SSL_MODE",
                            "verify-full",
                            "PGSIDECAR_POSTGRES_SSL_ROOT_CERTIFICATE",
                            authority.toString()),
                    "--user",
                    "watcher")) {
                await().ignoreExceptions().until(() -> agent.status("/primary") == 200);
                assertThat(server.query("SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
                                + " WHERE usename = 'watcher'"))
                        .isEqualTo("t");
                assertThat(agent.log()).doesNotContain("a$$b");
            }
        }
    }

    @Test
    void seesThatNewConnectionsAreRefused() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            try (AgentProcess agent = AgentProcess.beside(cluster, server)) {
                agent.await200("/primary");
                server.hangPostmaster(); // the session at rest is answered as ever
                agent.await503("/primary", "not-accepting");
                server.resume();
                agent.await200("/primary");
                try (Connection lingering = server.connect();
                        var stopper = Executors.newVirtualThreadPerTaskExecutor()) {
                    stopper.submit(() -> server.stop(StopMode.SMART));
                    agent.await503("/primary", "shutting-down");
                    assertThat(server.isRunning()).isTrue();
                    lingering.abort(Runnable::run);
                    agent.await503("/primary", "down"); // our own session did not hold it up
                }
            }
        }
    }

    @Test
    void answersContainersProbeCommand() {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            try (AgentProcess agent = AgentProcess.beside(cluster, server)) {
                agent.await200("/primary");
                for (String question : List.of("live", "ready", "primary")) {
                    AgentProcess.Ended asked = probe(question, agent.port());
                    assertThat(asked.exitCode()).as(asked.output()).isZero();
                    assertThat(asked.output()).startsWith("200 {");
                }
                assertThat(probe("replica", agent.port()).exitCode()).isEqualTo(1);
                assertThat(probe("replica", agent.port()).output()).contains("not-replica");
            }
            AgentProcess.Ended nobody = probe("live", cluster.freePort());
            assertThat(nobody.exitCode()).isEqualTo(1);
            assertThat(nobody.output()).contains("no answer from");
            assertThat(probe("soon", cluster.freePort()).exitCode()).isEqualTo(2);
        }
    }

    private AgentProcess.Ended probe(String question, int port) {
        return AgentProcess.run(folder, Map.of(), "probe", question, "--open-port", "" + port);
    }

    @Test
    void refusesAWrongConfigurationBeforeItStarts() throws Exception {
        Path file = Files.writeString(folder.resolve("x.yaml"), "pgsidecar: { postgres: { port: 99999, prot: 1 } }");
        AgentProcess.Ended refused = AgentProcess.run(
                folder,
                Map.of("PGSIDECAR_OPEN_PROT", "1", "PGSIDECAR_POSTGRES_PASSWORD", "hunter2"),
                "--config",
                "" + file);
        assertThat(refused.exitCode()).isEqualTo(2);
        assertThat(refused.output().lines())
                .hasSize(3)
                .allMatch(line -> line.startsWith("pgsidecar: "))
                .anyMatch(line -> line.contains("\"99999\" is not allowed; allowed: 1 to 65535"))
                .anyMatch(line -> line.contains("the nearest is pgsidecar.postgres.port"))
                .anyMatch(line -> line.contains("the nearest is PGSIDECAR_OPEN_PORT"));
        assertThat(AgentProcess.run(folder, Map.of(), "--config", "/no/such").exitCode())
                .isEqualTo(2);
        assertThat(AgentProcess.run(folder, Map.of(), "--no-such-flag").exitCode())
                .isEqualTo(2);
        AgentProcess.Ended misplaced = AgentProcess.run(folder, Map.of(), "--port", "6543", "config", "check");
        assertThat(misplaced.exitCode()).isEqualTo(2);
        assertThat(misplaced.output()).contains("--port", "put it behind \"pgsidecar config check\"");

        AgentProcess.Ended checked = AgentProcess.run(
                folder, Map.of("PGSIDECAR_POSTGRES_PASSWORD", "hunter2"), "config", "check", "--port", "6543");
        assertThat(checked.exitCode()).isZero();
        assertThat(checked.output())
                .contains("pgsidecar.postgres.port: 6543  # flag", "pgsidecar.postgres.password: ********")
                .doesNotContain("hunter2");
        assertThat(AgentProcess.run(folder, Map.of(), "--version").output()).matches("pgsidecar \\d.*\\R");
        assertThat(AgentProcess.run(folder, Map.of(), "--help").output()).contains("identity", "probe", "config");
    }

    @Test
    void saysThatItsPortIsTaken() {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            try (AgentProcess agent = AgentProcess.beside(cluster, server)) {
                AgentProcess.Ended second = AgentProcess.run(
                        folder,
                        Map.of("PGSIDECAR_OPEN_HOST", "127.0.0.1"),
                        "--open-port",
                        "" + agent.port(),
                        "--state-dir",
                        folder.toString());
                assertThat(second.exitCode()).isEqualTo(1);
                assertThat(second.output()).contains("127.0.0.1:" + agent.port(), "pgsidecar.open.port");
            }
        }
    }

    @Test
    void endsOnSigtermAndLeavesNoSession() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            String sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgsidecar%'";
            try (AgentProcess agent = AgentProcess.beside(cluster, server)) {
                agent.await200("/primary");
                agent.process().destroy();
                assertThat(agent.process().waitFor(5, TimeUnit.SECONDS)).isTrue();
                assertThat(agent.process().exitValue()).isEqualTo(143);
                await().untilAsserted(() -> assertThat(server.query(sessions)).isEqualTo("0"));
            }
            try (AgentProcess agent = AgentProcess.beside(cluster, server)) {
                agent.await200("/primary");
                agent.process().destroyForcibly().waitFor();
                await().atMost(Duration.ofSeconds(10))
                        .untilAsserted(() -> assertThat(server.query(sessions)).isEqualTo("0"));
            }
        }
    }

    @Test
    void endsWhenMemoryRunsOut() {
        AgentProcess.Ended ended = AgentProcess.run(
                folder,
                Map.of("PGSIDECAR_OPEN_HOST", "127.0.0.1", "PGSIDECAR_POSTGRES_PASSWORD_FILE", "/dev/zero"),
                "--state-dir",
                folder.toString());
        assertThat(ended.exitCode()).as(ended.output()).isEqualTo(3);
        assertThat(ended.output()).containsIgnoringCase("OutOfMemory");
    }
}
