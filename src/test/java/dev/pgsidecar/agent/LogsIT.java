package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Psql;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What the agent says while it runs: in which form, how much of it, and never a secret. */
@Tag("agent")
class LogsIT {

    private static final String PASSWORD = "hunter2-of-the-logs";

    @Test
    void isOneJsonObjectALine() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            try (AgentProcess agent = AgentProcess.start(
                            cluster,
                            server.port(),
                            Map.of(
                                    "PGSIDECAR_LOG_FORMAT", "json",
                                    "PGSIDECAR_LOG_LEVEL", "debug",
                                    "PGSIDECAR_POSTGRES_PASSWORD", PASSWORD),
                            "--name",
                            "pg \"0\"")
                    .awaitAnswer()) {
                agent.await200("/primary");
                assertThat(agent.command("GET", "/v1/instance", "pgs_stranger", "")
                                .statusCode())
                        .isEqualTo(401);
                server.kill();
                agent.await503("/primary", "down");
                List<JsonObject> lines = lines(agent);
                assertThat(lines).hasSizeGreaterThan(3).allSatisfy(line -> {
                    assertThat(line.fieldNames())
                            .contains("timestamp", "level", "logger", "message", "threadName", "instance")
                            .doesNotContain("hostName", "processId", "sequence", "mdc");
                    assertThat(Instant.parse(line.getString("timestamp"))).isBefore(Instant.now());
                    assertThat(line.getString("level")).isIn("ERROR", "WARN", "INFO", "DEBUG");
                    assertThat(line.getString("instance")).isEqualTo("pg \"0\"");
                });
                assertThat(lines).anySatisfy(line -> {
                    assertThat(line.getString("logger")).isEqualTo("dev.pgsidecar.observe.Observer");
                    assertThat(line.getString("message")).startsWith("primary, timeline 1, system_identifier");
                    assertThat(line.getString("level")).isEqualTo("INFO");
                });
                assertThat(lines).anySatisfy(line -> {
                    assertThat(line.getString("logger")).isEqualTo("dev.pgsidecar.observe.Observer");
                    assertThat(line.getString("level")).isEqualTo("WARN");
                });
                assertNoSecret(agent);
            }
        }
    }

    @Test
    void putsATraceIntoOneField() {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            Psql.install(server);
            server.sqlIn("pgsidecar", """
                    CREATE OR REPLACE FUNCTION pgsidecar.pause_writes(by_node text, databases name[], by_method text,
                      for_time interval, by_operation text, by_whom text, because text) RETURNS jsonb
                      LANGUAGE sql AS $$ SELECT '{"not": "what is expected"}'::jsonb $$""");
            try (AgentProcess agent = AgentProcess.start(
                            cluster,
                            server.port(),
                            Map.of("PGSIDECAR_LOG_FORMAT", "json", "PGSIDECAR_POSTGRES_DATABASE", "pgsidecar"))
                    .awaitAnswer()) {
                agent.await200("/primary");
                agent.order("/v1/writes/pause", Paused.ALL, "Prefer", "wait=30");
                assertThat(lines(agent))
                        .filteredOn(line -> line.containsKey("stackTrace"))
                        .singleElement()
                        .satisfies(line -> {
                            assertThat(line.getString("level")).isEqualTo("ERROR");
                            assertThat(line.getString("message"))
                                    .startsWith("pause-")
                                    .endsWith(" failed");
                            assertThat(line.getString("stackTrace"))
                                    .contains("NullPointerException", "\n\tat dev.pgsidecar.");
                        });
            }
        }
    }

    @Test
    void tellsAsMuchAsItsLevelSays() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            try (AgentProcess quiet = withLevel(cluster, server, Map.of("PGSIDECAR_LOG_LEVEL", "warn"));
                    AgentProcess usual = withLevel(cluster, server, Map.of());
                    AgentProcess talking = withLevel(
                            cluster,
                            server,
                            Map.of(
                                    "PGSIDECAR_LOG_CATEGORIES_0__NAME", "dev.pgsidecar.probe",
                                    "PGSIDECAR_LOG_CATEGORIES_0__LEVEL", "debug"))) {
                for (AgentProcess agent : List.of(quiet, usual, talking)) {
                    breakOff(agent);
                }
                await().untilAsserted(() -> assertThat(talking.log()).contains("DEBUG [OpenListener]"));
                assertThat(usual.log()).contains("INFO ").doesNotContain("DEBUG");
                server.kill();
                quiet.await503("/primary", "down");
                await().untilAsserted(() -> assertThat(quiet.log()).contains("WARN  [Observer]"));
                assertThat(quiet.log()).doesNotContain("INFO", "DEBUG");
            }
        }
    }

    private static AgentProcess withLevel(Cluster cluster, Postgres server, Map<String, String> environment)
            throws InterruptedException {
        AgentProcess agent = AgentProcess.start(cluster, server.port(), environment);
        await("the agent's first answer").ignoreExceptions().until(() -> agent.status("/primary") == 200);
        return agent;
    }

    /** A caller who asks for something that is no HTTP. */
    private static void breakOff(AgentProcess agent) throws IOException {
        try (Socket socket = new Socket("127.0.0.1", agent.port())) {
            socket.setSoLinger(true, 0); // ends with a reset
            socket.getOutputStream().write("GET /primary HTTP/1.1\r\nHo".getBytes(StandardCharsets.US_ASCII));
        }
    }

    private static List<JsonObject> lines(AgentProcess agent) {
        return agent.log().lines().map(JsonObject::new).toList();
    }

    private static void assertNoSecret(AgentProcess agent) {
        assertThat(agent.log()).doesNotContain(PASSWORD, AgentProcess.OPERATE, AgentProcess.VIEW, "pgs_stranger");
    }
}
