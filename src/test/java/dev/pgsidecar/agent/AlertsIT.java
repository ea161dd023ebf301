package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Postgres;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The alerts of deploy/prometheus in a real Prometheus that scrapes real agents; what they wait for is shortened. */
@Tag("agent")
@Tag("full")
class AlertsIT {

    @TempDir
    Path folder;

    @Test
    void fireAndClearAsAPrimaryDiesIsFollowedAndComesBack() throws Exception {
        try (Trio trio = new Trio(17, folder).startAgents();
                Prometheus prometheus = beside(trio, "2s")) {
            Postgres old = trio.server("pg-0");
            prometheus.awaitScrapes();
            silent(prometheus, "NoAgentScraped"); // Prometheus has just begun
            assertThat(prometheus.firing()).isEmpty();

            old.kill();
            firing(prometheus, "NoPrimary", "ReceiverGone@pg-1", "ReceiverGone@pg-2", "ServerNotAnswering@pg-0");

            String next = LedgerIT.mostAdvanced(trio);
            JsonObject promoted = trio.promote(next, new JsonObject().put("deadPrimary", "pg-0"));
            assertThat(promoted.getString("state"))
                    .as(promoted.encodePrettily())
                    .isEqualTo("succeeded");
            follow(trio.server(next.equals("pg-1") ? "pg-2" : "pg-1"), trio.server(next));
            silent(prometheus, "NoPrimary", "ReceiverGone@pg-1", "ReceiverGone@pg-2");

            old.start();
            firing(prometheus, "TwoPrimaries", "Superseded@pg-0");
            silent(prometheus, "ServerNotAnswering@pg-0");
            old.stop();
            silent(prometheus, "TwoPrimaries", "Superseded@pg-0");
            await("that it was stopped is seen")
                    .until(() -> prometheus
                                    .ask("pgsidecar_observation_failed{reason=\"stopped\"} == 1")
                                    .size()
                            == 1);
            Thread.sleep(3000); // longer than anything waits
            assertThat(prometheus.firing())
                    .as("who was stopped was meant to be")
                    .doesNotContain("ServerNotAnswering@pg-0", "NoPrimary");
        }
    }

    @Test
    void wakeNobodyForAHandOver() throws Exception {
        try (Paused paused = new Paused(17, folder).startAgents();
                Prometheus prometheus = beside(paused.trio(), "5s")) {
            prometheus.awaitScrapes();
            paused.promote("pg-1", paused.handOver("pg-1").getLong("generation"));
            firing(prometheus, "HandOverLeft@pg-0");
            assertThat(prometheus.ask("max_over_time(ALERTS{alertstate=\"firing\", severity=\"critical\","
                            + " alertname!~\"HandOverUnfinished|NoAgentScraped\"}[2m])"))
                    .as(
                            "the old primary holds its writes back, so it is no second one; a slow host may take long to promote,"
                                    + " and Prometheus to begin")
                    .isEmpty();
            assertThat(prometheus.value("pgsidecar_probe_failed{reason=\"superseded\"}", "pg-0"))
                    .isEqualTo("1");
        }
    }

    private Prometheus beside(Trio trio, String wait) throws IOException {
        String rules = Files.readString(Path.of("deploy/prometheus/pgsidecar.rules.yml"));
        assertThat(rules).containsPattern("(?m)^ +for: \\d+[mhd]$");
        return new Prometheus(
                folder,
                trio.cluster(),
                Map.of("pg-0", trio.agent("pg-0"), "pg-1", trio.agent("pg-1"), "pg-2", trio.agent("pg-2")),
                rules.replaceAll("(?m)^( +for: )\\d+[mhd]$", "$1" + wait));
    }

    private static void follow(Postgres standby, Postgres primary) {
        String conninfo = standby.query("SHOW primary_conninfo").replaceAll("port='?\\d+'?", "port=" + primary.port());
        standby.sql(
                "ALTER SYSTEM SET primary_conninfo = '%s'".formatted(conninfo.replace("'", "''")),
                "SELECT pg_reload_conf()");
    }

    private static void firing(Prometheus prometheus, String... alerts) {
        await(Arrays.toString(alerts))
                .atMost(Duration.ofSeconds(40))
                .ignoreExceptions()
                .untilAsserted(() ->
                        assertThat(prometheus.firing()).as(prometheus.log()).containsAll(List.of(alerts)));
    }

    private static void silent(Prometheus prometheus, String... alerts) {
        await("not " + Arrays.toString(alerts))
                .atMost(Duration.ofSeconds(40))
                .untilAsserted(() -> assertThat(prometheus.firing()).doesNotContain(alerts));
    }
}
