package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Standby;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A real Prometheus scrapes agents; what dashboards ask it gets an answer. */
@Tag("agent")
class PrometheusIT {

    @TempDir
    Path folder;

    @Test
    void answersWhatDashboardsAsk() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Map<String, String> settings = new TreeMap<>(cluster.archiveSettings());
            settings.putAll(Map.of("wal_level", "logical", "max_slot_wal_keep_size", "1GB"));
            Postgres primary = cluster.primary("pg-0", settings);
            Postgres standby = cluster.standby("pg-1", primary, Standby.WITH_SLOT);
            primary.sql(
                    "SELECT pg_create_logical_replication_slot('changes', 'pgoutput')",
                    "CREATE TABLE t AS SELECT 1 AS v",
                    "SELECT pg_switch_wal()");
            try (AgentProcess atPrimary = AgentProcess.beside(cluster, primary);
                    AgentProcess atStandby = AgentProcess.beside(cluster, standby);
                    Prometheus prometheus = new Prometheus(
                            folder, cluster, Map.of("pg-0", atPrimary, "pg-1", atStandby), "groups: []")) {
                List<String> queries = queries();
                assertThat(queries).hasSizeGreaterThan(70);
                await().atMost(Duration.ofSeconds(60)).ignoreExceptions().untilAsserted(() -> assertThat(
                                queries.stream()
                                        .filter(query -> prometheus.ask(query).isEmpty()))
                        .as("queries without an answer; %s", prometheus.log())
                        .isEmpty());

                assertThat(prometheus.value("pg_replication_is_replica", "pg-0"))
                        .isEqualTo("0");
                standby.promote();
                await().untilAsserted(() -> assertThat(prometheus.value("pg_replication_is_replica", "pg-1"))
                        .isEqualTo("0"));
                assertThat(prometheus.value("changes(pg_replication_is_replica[1m])", "pg-1"))
                        .isEqualTo("1");
                primary.kill();
                await().untilAsserted(() -> {
                    assertThat(prometheus.value("pg_up", "pg-0")).isEqualTo("0");
                    assertThat(prometheus.value("up", "pg-0")).isEqualTo("1");
                });
                assertThat(prometheus.ask("pg_replication_slots_active{slot_name=\"changes\"}"))
                        .as("what is not known any more")
                        .isEmpty();
            }
        }
    }

    private static List<String> queries() throws IOException {
        try (Stream<String> lines = Files.lines(Path.of("src/test/resources/dashboard-queries.promql"))) {
            return lines.filter(line -> !line.isBlank() && !line.startsWith("#"))
                    .toList();
        }
    }
}
