package dev.pgsidecar.agent;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever a caller does on the open port, the others are answered. */
@Tag("agent")
class BadCallersIT {

    private static final int MAX_CONNECTIONS = 50;

    private static Cluster cluster;
    private static AgentProcess agent;

    @BeforeAll
    static void start() {
        cluster = Cluster.on(17);
        Postgres primary = cluster.primary("pg-0");
        agent = AgentProcess.start(
                cluster, primary.port(), Map.of("PGSIDECAR_OPEN_MAX_CONNECTIONS", "" + MAX_CONNECTIONS));
        org.awaitility.Awaitility.await().ignoreExceptions().until(() -> agent.status("/primary") == 200);
    }

    @AfterAll
    static void stop() {
        agent.close();
        cluster.close();
    }

    @AfterEach
    void othersAreAnswered() {
        assertThat(agent.status("/primary")).isEqualTo(200);
        assertThat(agent.status("/metrics")).isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "OPTIONS / HTTP/1.0\r\n\r\n",
                "HEAD /primary HTTP/1.0\r\n\r\n",
                "GET /primary HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                "GET http://x:8008/primary HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            })
    void speaksHttpOfBothVersions(String request) throws Exception {
        assertThat(exchange(request)).startsWith("HTTP/1.").contains(" 200 ");
    }

    @Test
    void refusesAHeaderOf100Kilobytes() throws Exception {
        assertThat(exchange("GET /primary HTTP/1.1\r\nHost: x\r\nX: " + "y".repeat(100_000) + "\r\n\r\n"))
                .contains(" 431 ");
        assertThat(exchange("GET /" + "y".repeat(100_000) + " HTTP/1.1\r\nHost: x\r\n\r\n"))
                .contains(" 414 ");
        assertThat(exchange("GET /primary HTTP/1.1\r\nHost: x\r\n" + "X: y\r\n".repeat(20_000) + "\r\n"))
                .contains(" 431 ");
    }

    @Test
    void refusesWhatIsNoHttp() throws Exception {
        byte[] noise = new byte[5000];
        new Random(7).nextBytes(noise);
        for (String request : List.of(
                "\r\n\r\n",
                "hello\r\n\r\n",
                "GET\r\n\r\n",
                "GET / HTTP/9.9\r\n\r\n",
                "\u0016\u0003\u0001\u0002",
                new String(noise, ISO_8859_1) + "\r\n\r\n")) {
            assertThat(exchange(request)).as(request).doesNotContain(" 200 ").doesNotContain(" 500 ");
        }
    }

    @Test
    void doesNotWaitForABody() throws Exception {
        assertThat(exchange("GET /primary HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nabc"))
                .contains(" 200 ", "Connection: close");
        assertThat(exchange("POST /primary HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"))
                .contains(" 405 ", "Connection: close");
        assertThat(exchange("GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nabc"))
                .contains(" 400 ", "Connection: close");
    }

    @Test
    void answersEvenWhenMoreConnectThanThereIsRoomFor() throws Exception {
        List<Socket> silent = new ArrayList<>();
        try {
            for (int caller = 0; caller < 4 * MAX_CONNECTIONS; caller++) {
                silent.add(connect());
            }
            for (int probe = 0; probe < 20; probe++) {
                assertThat(exchange("GET /primary HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
                        .contains(" 200 ");
            }
            assertThat(silent.stream().filter(BadCallersIT::isOpen).count()).isLessThanOrEqualTo(MAX_CONNECTIONS);
        } finally {
            for (Socket socket : silent) {
                socket.close();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"/primary", "/metrics", "/q/health"})
    void bearsCallersThatAskAndNeverRead(String path) throws Exception {
        byte[] requests =
                ("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n").repeat(500).getBytes(ISO_8859_1);
        List<Socket> callers = new ArrayList<>();
        for (int caller = 0; caller < 20; caller++) {
            Socket socket = connect();
            callers.add(socket);
            Thread.ofVirtual().start(() -> ask(socket, requests));
        }
        Thread.sleep(3000); // by then they would have filled the agent's 64 MB several times
        othersAreAnswered();
        assertThat(agent.process().isAlive()).isTrue();
        for (Socket socket : callers) {
            socket.close();
        }
    }

    private static void ask(Socket socket, byte[] requests) {
        try {
            while (true) {
                socket.getOutputStream().write(requests); // until it is cut, or closed below
            }
        } catch (IOException e) {
            assertThat(e).hasMessageMatching("(?i).*(reset|broken|closed).*");
        }
    }

    @Test
    void bearsAHeaderThatNeverEnds() throws Exception {
        try (Socket drip = connect()) {
            long start = System.nanoTime();
            drip.getOutputStream().write("GET /primary HTTP/1.1\r\nHost: x\r\nX: ".getBytes(ISO_8859_1));
            while (isOpen(drip)) {
                assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(20));
                try {
                    drip.getOutputStream().write('y');
                } catch (SocketException e) {
                    break;
                }
                Thread.sleep(200);
            }
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofSeconds(8));
        }
    }

    private static boolean isOpen(Socket socket) {
        try {
            socket.setSoTimeout(1);
            return socket.getInputStream().read() >= 0;
        } catch (java.net.SocketTimeoutException e) {
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    private static Socket connect() throws IOException {
        return new Socket(InetAddress.getLoopbackAddress(), agent.port());
    }

    /** Sends and reads all that comes back within two seconds. */
    private static String exchange(String request) throws IOException {
        try (Socket socket = connect()) {
            socket.setSoTimeout(2000);
            Thread writer = Thread.ofVirtual().start(() -> {
                try {
                    socket.getOutputStream().write(request.getBytes(ISO_8859_1));
                    socket.getOutputStream().flush();
                } catch (IOException e) {
                    assertThat(socket.isConnected()).isTrue(); // it was refused before all was sent
                }
            });
            StringBuilder answer = new StringBuilder();
            try {
                int next = socket.getInputStream().read();
                while (next >= 0) {
                    answer.append((char) next);
                    next = socket.getInputStream().read();
                }
            } catch (java.net.SocketTimeoutException | SocketException e) {
                answer.append(""); // kept open, or reset behind the answer
            }
            writer.interrupt();
            return answer.toString();
        }
    }
}
