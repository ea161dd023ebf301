package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Standby;
import dev.pgsidecar.cluster.TestTools;
import dev.pgsidecar.suite.EachVersion;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The metrics page beside a primary with everything that it can show, and beside its standby. */
@Tag("agent")
class MetricsIT {

    private static final Pattern NAME = Pattern.compile("(?m)^# TYPE (\\S+) ");
    private static final Pattern DOCUMENTED = Pattern.compile("(?m)^\\| `([a-z_]+)` \\|");

    /** What promtool finds fault with in names that postgres_exporter's dashboards read. */
    private static final Set<String> INHERITED_COMPLAINTS = Stream.of(
                    "pg_locks_count",
                    "pg_stat_activity_count",
                    "pg_stat_archiver_archived_count",
                    "pg_stat_archiver_failed_count")
            .map(name -> name + " non-histogram and non-summary metrics should not have \"_count\" suffix")
            .collect(Collectors.toUnmodifiableSet());

    /** The archiver tries three times in a row, and then rests for a minute. */
    private static final Duration ARCHIVER = Duration.ofSeconds(90);

    @Test
    void showsWhatDashboardsRead() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Map<String, String> settings = new TreeMap<>(cluster.archiveSettings());
            settings.putAll(
                    Map.of("max_prepared_transactions", "5", "wal_level", "logical", "max_slot_wal_keep_size", "1GB"));
            Postgres primary = cluster.primary("pg-0", settings);
            Postgres standby = cluster.standby("pg-1", primary, Standby.WITH_SLOT);
            String identifier = identifier(primary);
            primary.sql(
                    "SELECT pg_create_logical_replication_slot('changes', 'pgoutput')",
                    "SELECT pg_create_physical_replication_slot('doomed', true)",
                    "CREATE TABLE t (v int)",
                    "BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'two-phase'",
                    "SELECT pg_switch_wal()");
            try (AgentProcess atPrimary = AgentProcess.beside(cluster, primary);
                    AgentProcess atStandby = AgentProcess.beside(cluster, standby)) {
                atPrimary.await200("/primary");
                atStandby.await200("/replica");
                await().untilAsserted(() -> assertThat(page(atPrimary))
                        .contains(
                                "pg_up 1.0",
                                "pgsidecar_build_info{version=\"",
                                "pgsidecar_observation_failures_total{reason=\"down\",} 0.0",
                                "pgsidecar_probe_passes{probe=\"primary\",} 1.0",
                                "pgsidecar_probe_passes{probe=\"replica\",} 0.0",
                                "pgsidecar_probe_failed{probe=\"replica\",reason=\"not-replica\",} 1.0",
                                "pgsidecar_instance_info{name=\"",
                                "\",system_identifier=\"%s\",} 1.0".formatted(identifier),
                                "pgsidecar_archiver_failing 0.0",
                                "pgsidecar_slot_synced{slot=\"changes\",} 0.0",
                                "pg_exporter_last_scrape_error 0.0",
                                "pg_replication_is_replica 0.0",
                                "pg_replication_lag_seconds 0.0",
                                "pg_replication_slots_active{slot_name=\"changes\",database=\"postgres\",} 0.0",
                                "pg_replication_slots_active{slot_name=\"pg_1\",database=\"\",} 1.0",
                                "pg_replication_slots_slot_is_active{slot_name=\"doomed\",slot_type=\"physical\",} 0.0",
                                "pg_replication_slots_wal_status{slot_name=\"doomed\",slot_type=\"physical\","
                                        + "wal_status=\"reserved\",} 1.0",
                                "pg_replication_slots_safe_wal_size_bytes{slot_name=\"doomed\"",
                                "pg_stat_replication_pg_wal_lsn_diff{application_name=\"pg-1\",client_addr=\"\","
                                        + "state=\"streaming\",slot_name=\"pg_1\",} ",
                                "pg_database_size_bytes{datname=\"postgres\",} ",
                                "pg_wal_segments ",
                                "pg_settings_max_connections ",
                                "pg_settings_wal_segment_size_bytes 1.6777216E7",
                                "pg_settings_wal_receiver_timeout_seconds 60.0",
                                "pg_stat_database_xact_commit{datid=\"",
                                "pg_stat_checkpointer_num_timed_total ",
                                "pg_stat_bgwriter_buffers_alloc_total ",
                                "pg_locks_count{datname=\"postgres\",mode=\"accesssharelock\",} ",
                                "backend_type=\"walsender\"",
                                "pg_stat_archiver_archived_count ",
                                "pg_stat_archiver_last_archive_age ",
                                "pgsidecar_prepared_transactions 1.0",
                                "pgsidecar_oldest_xmin_transactions "));
                await().untilAsserted(() -> assertThat(page(atStandby))
                        .contains(
                                "pg_replication_is_replica 1.0",
                                "pg_stat_wal_receiver_latest_end_lsn{upstream_host=\"\",slot_name=\"pg_1\",status=\"streaming\",} ",
                                "pgsidecar_replica_lag_bytes 0.0",
                                "pgsidecar_replay_paused 0.0"));
                String full = page(atPrimary);
                String ofStandby = page(atStandby);
                assertThat(full).doesNotContain("pgsidecar_probe_failed{probe=\"primary\"");
                assertThat(ofStandby)
                        .as("a standby that does not archive")
                        .doesNotContain("pgsidecar_archiver_failing");
                assertDocumented(full + ofStandby);

                primary.sql("SELECT pg_drop_replication_slot('doomed')");
                await().untilAsserted(() ->
                        assertThat(page(atPrimary)).contains("changes").doesNotContain("doomed"));
                standby.kill();
                await().untilAsserted(() -> {
                    assertThat(page(atPrimary)).doesNotContain("application_name=\"pg-1\"");
                    assertThat(page(atStandby))
                            .contains(
                                    "pgsidecar_up 0.0",
                                    "pg_up 0.0",
                                    "pgsidecar_probe_passes{probe=\"health\",} 0.0",
                                    "pgsidecar_probe_failed{probe=\"health\",reason=\"down\",} 1.0",
                                    "\",system_identifier=\"%s\",} 1.0".formatted(identifier),
                                    "pg_exporter_last_scrape_error 1.0")
                            .doesNotContain("pgsidecar_role", "lag_bytes", "pg_replication_is_replica");
                });
                assertClean(full);
                assertClean(ofStandby);
            }
        }
    }

    @Test
    void tellsOfAnArchiverThatFailsUntilItSucceeds() {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0", Map.of("archive_mode", "on", "archive_command", "'false'"));
            server.sql("SELECT pg_switch_wal()");
            try (AgentProcess agent = AgentProcess.start(
                            cluster, server.port(), Map.of("PGSIDECAR_OBSERVE_SIZES_EVERY", "1s"))
                    .awaitAnswer()) {
                await().atMost(ARCHIVER)
                        .untilAsserted(() -> assertThat(page(agent)).contains("pgsidecar_archiver_failing 1.0"));
                server.setting("archive_command", "'true'");
                await().atMost(ARCHIVER).untilAsserted(() -> {
                    server.sql("SELECT pg_switch_wal()");
                    assertThat(page(agent)).contains("pgsidecar_archiver_failing 0.0");
                });
            }
        }
    }

    @EachVersion({15, 16, 17, 18})
    void tellsOfASlotThatIsLost(int major) {
        try (Cluster cluster = Cluster.on(major)) {
            Postgres server = cluster.primary("pg-0", Map.of("max_slot_wal_keep_size", "1MB", "min_wal_size", "32MB"));
            server.sql(
                    "SELECT pg_create_physical_replication_slot('doomed', true)",
                    "SELECT pg_create_physical_replication_slot('unused')");
            try (AgentProcess agent = AgentProcess.beside(cluster, server)) {
                agent.await200("/primary");
                assertThat(page(agent)).doesNotContain("pgsidecar_slot_invalidated");
                for (int segment = 0; segment < 4; segment++) {
                    server.sql("SELECT pg_logical_emit_message(false, '', 'x')", "SELECT pg_switch_wal()");
                }
                server.sql("CHECKPOINT");
                await().untilAsserted(() -> assertThat(page(agent))
                        .contains("pgsidecar_slot_invalidated{slot=\"doomed\",reason=\"wal_removed\",} 1.0")
                        .doesNotContain("pgsidecar_slot_invalidated{slot=\"unused\""));
                server.sql("SELECT pg_drop_replication_slot('doomed')");
                await().untilAsserted(() -> assertThat(page(agent)).doesNotContain("pgsidecar_slot_invalidated"));
            }
        }
    }

    /** What is known of the cluster without its server: what the agent has learned in an earlier life. */
    @Test
    void namesItsClusterWhileTheServerIsAway(@TempDir Path state) {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            String identifier = identifier(server);
            String[] arguments = {"--state-dir", state.toString(), "--name", "pg-0"};
            try (AgentProcess agent = AgentProcess.beside(cluster, server, arguments)) {
                agent.await200("/primary");
            }
            server.kill();
            try (AgentProcess agent = AgentProcess.beside(cluster, server, arguments)) {
                assertThat(page(agent))
                        .contains("pgsidecar_instance_info{name=\"pg-0\",system_identifier=\"%s\",} 1.0"
                                .formatted(identifier));
            }
            try (AgentProcess agent = AgentProcess.beside(cluster, server, "--name", "pg-0")) {
                assertThat(page(agent))
                        .as("one that never saw a server")
                        .contains("pgsidecar_instance_info{name=\"pg-0\",system_identifier=\"\",} 1.0");
            }
        }
    }

    @Test
    void speaksOlderNamesWhenAsked() {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            server.sql("SELECT pg_create_physical_replication_slot('orphan', true)");
            try (AgentProcess usual = AgentProcess.beside(cluster, server);
                    AgentProcess asked = AgentProcess.start(
                            cluster,
                            server.port(),
                            Map.of(
                                    "PGSIDECAR_METRICS_OLD_SLOT_NAMES",
                                    "true",
                                    "PGSIDECAR_METRICS_PATRONI_NAMES",
                                    "true"),
                            "--name",
                            "pg-0")) {
                await().ignoreExceptions().untilAsserted(() -> assertThat(page(asked))
                        .contains(
                                "pg_replication_slots_slot_is_active{slot_name=\"orphan\"",
                                "pg_replication_slot_slot_is_active{slot_name=\"orphan\"",
                                "patroni_primary{scope=\"pgsidecar\",name=\"pg-0\",} 1.0",
                                "patroni_postgres_server_version{scope=\"pgsidecar\",name=\"pg-0\",} 17"));
                await().untilAsserted(() -> assertThat(page(usual))
                        .contains("pg_replication_slots_slot_is_active")
                        .doesNotContain("pg_replication_slot_", "patroni_"));
            }
        }
    }

    @Test
    void costsTheServerNothing() {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0", Map.of("shared_preload_libraries", "pg_stat_statements"));
            server.sql("CREATE EXTENSION pg_stat_statements");
            try (AgentProcess agent = AgentProcess.beside(cluster, server)) {
                agent.await200("/primary");
                server.sql("SELECT pg_stat_statements_reset()");
                long began = System.nanoTime();
                for (int scrape = 0; scrape < 1000; scrape++) {
                    assertThat(agent.status("/metrics")).isEqualTo(200);
                }
                long ticks = (System.nanoTime() - began) / 200_000_000L + 2;
                String calls = "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query LIKE '%recovering%'";
                assertThat(Long.parseLong(server.query(calls)))
                        .as("no more than one per tick")
                        .isBetween(1L, ticks);
                assertThat(ticks).as("far fewer than scrapes").isLessThan(500);
            }
        }
    }

    private static String identifier(Postgres server) {
        return server.query("SELECT system_identifier FROM pg_control_system()");
    }

    private static String page(AgentProcess agent) {
        return agent.getText("/metrics");
    }

    private static void assertDocumented(String page) throws IOException {
        Set<String> documented = DOCUMENTED
                .matcher(Files.readString(Path.of("docs/metrics.md")))
                .results()
                .map(match -> match.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
        Set<String> shown = NAME.matcher(page)
                .results()
                .map((MatchResult match) -> match.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
        shown.removeIf(name -> name.startsWith("pg_settings_")); // told as a list of settings
        assertThat(documented).containsAll(shown);
    }

    private static void assertClean(String page) throws IOException, InterruptedException {
        Process promtool = new ProcessBuilder(TestTools.program("promtool").toString(), "check", "metrics")
                .redirectErrorStream(true)
                .start();
        promtool.getOutputStream().write(page.getBytes(StandardCharsets.UTF_8));
        promtool.getOutputStream().close();
        String complaints = new String(promtool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        promtool.waitFor();
        assertThat(complaints.lines()).isSubsetOf(INHERITED_COMPLAINTS);
    }
}
