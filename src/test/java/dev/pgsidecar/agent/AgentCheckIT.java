package dev.pgsidecar.agent;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The agent-check port, asked by hand; HAProxy itself asks in {@link HaproxyIT}. */
@Tag("agent")
class AgentCheckIT {

    private static final int MAX_CONNECTIONS = 20;

    private static Cluster cluster;
    private static AgentProcess agent;
    private static int port;

    @BeforeAll
    static void start() {
        cluster = Cluster.on(17);
        Postgres primary = cluster.primary("pg-0");
        port = cluster.freePort();
        agent = AgentProcess.start(
                cluster,
                primary.port(),
                Map.of(
                        "PGSIDECAR_PROBE_AGENT_CHECK_ENABLED", "true",
                        "PGSIDECAR_PROBE_AGENT_CHECK_PORT", "" + port,
                        "PGSIDECAR_OPEN_MAX_CONNECTIONS", "" + MAX_CONNECTIONS));
        await().ignoreExceptions().until(() -> answer("primary\n").equals("up ready\n"));
    }

    @AfterAll
    static void stop() {
        agent.close();
        cluster.close();
    }

    @ParameterizedTest
    @CsvSource(textBlock = """
            primary,                        up ready
            /primary,                       up ready
            leader,                         up ready
            read-only?lag=16MB&lag-time=5s, up ready
            replica,                        ready down #not-replica
            replica?tag_zone=a,             ready down #unknown-tag
            replica?lag=banana,             ready down #bad-query
            replica?lag=,                   ready down #bad-query
            banana,                         ready down #no-such-probe
            metrics,                        ready down #no-such-probe
            """)
    void answersALineWithALine(String line, String words) throws Exception {
        assertThat(answer(line + "\n")).isEqualTo(words + "\n");
        assertThat(answer(line + "\r\n")).isEqualTo(words + "\n");
    }

    @Test
    void answersOneLineOnly() throws Exception {
        assertThat(answer("primary\nreplica\n")).isEqualTo("up ready\n");
    }

    @Test
    void saysNothingToWhoNamesNoProbe() throws Exception {
        assertThat(answer("")).isEmpty();
        await().untilAsserted(() -> assertThat(agent.log()).contains("agent-send \"primary\\n\""));
        assertThat(answer("primary")).as("without an end of line").isEmpty();
    }

    @Test
    void cutsALineThatDoesNotEnd() throws Exception {
        assertThat(answer("p".repeat(100_000))).isEmpty();
        assertThat(answer("primary\n")).isEqualTo("up ready\n");
    }

    @Test
    void answersOthersWhileSilentCallersHoldEveryConnection() throws Exception {
        List<Socket> silent = new ArrayList<>();
        try {
            for (int i = 0; i < 3 * MAX_CONNECTIONS; i++) {
                silent.add(new Socket(InetAddress.getLoopbackAddress(), port));
            }
            assertThat(answer("primary\n")).isEqualTo("up ready\n");
        } finally {
            for (Socket socket : silent) {
                socket.close();
            }
        }
    }

    private static String answer(String sent) throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoTimeout(10_000);
            try {
                socket.getOutputStream().write(sent.getBytes(US_ASCII));
                return new String(socket.getInputStream().readAllBytes(), US_ASCII);
            } catch (SocketException e) {
                return ""; // cut
            }
        }
    }
}
