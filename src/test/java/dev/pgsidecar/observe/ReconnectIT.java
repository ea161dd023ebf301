package dev.pgsidecar.observe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.config.Settings;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.Session;
import dev.pgsidecar.postgres.Target;
import dev.pgsidecar.postgres.catalog.Facts;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/** However often a connection is made anew, none is left behind. */
@Isolated("it counts the files and the memory of this JVM")
class ReconnectIT {

    private static final int RECONNECTS = 2_000;
    private static final int MANY_RECONNECTS = 10_000;

    @TempDir
    Path state;

    @Test
    void leavesNoSocketWhenTheServerHangsUp() throws Exception {
        reconnectsToAServerThatHangsUp(RECONNECTS);
    }

    @Test
    @Tag("full")
    void leavesNoSocketWhenTheServerHangsUpForLong() throws Exception {
        reconnectsToAServerThatHangsUp(MANY_RECONNECTS);
    }

    private void reconnectsToAServerThatHangsUp(int reconnects) throws Exception {
        try (ServerSocket fake = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            Thread.ofVirtual().start(() -> hangUpOnAll(fake));
            Settings settings = Watch.settings(fake.getLocalPort(), state);
            leavesNoSocket(reconnects, () -> {
                try (Session session = new Target(Watch.vertx(), settings).openReadOnly("test")) {
                    throw new AssertionError("opened " + session);
                } catch (PostgresException e) {
                    assertThat(e.failure().cause()).isNotBlank();
                }
            });
        }
    }

    @Test
    void leavesNoSocketAndNoSessionOnARealServer() throws Exception {
        reconnectsToARealServer(RECONNECTS / 4);
    }

    @Test
    @Tag("soak")
    void leavesNoSocketAndNoSessionOnARealServerForLong() throws Exception {
        reconnectsToARealServer(MANY_RECONNECTS);
    }

    private void reconnectsToARealServer(int times) throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            Settings settings = Watch.settings(server.port(), state);
            leavesNoSocket(times, () -> {
                try (Session session = new Target(Watch.vertx(), settings).openReadOnly("test")) {
                    session.json(Facts.IDENTITY);
                }
            });
            assertThat(server.query("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgsidecar%'"))
                    .isEqualTo("0");
        }
    }

    private interface Attempt {
        void make() throws Exception;
    }

    private static void leavesNoSocket(int times, Attempt attempt) throws Exception {
        for (int warmUp = 0; warmUp < 50; warmUp++) {
            attempt.make();
        }
        System.gc();
        long filesBefore = openFiles();
        long memoryBefore = usedMemory();
        for (int round = 0; round < times; round++) {
            attempt.make();
        }
        assertThat(openFiles()).isLessThan(filesBefore + 20);
        System.gc();
        assertThat(usedMemory() - memoryBefore).as("bytes kept").isLessThan(8_000_000);
    }

    private static long openFiles() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
            return files.count();
        }
    }

    private static long usedMemory() {
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    private static void hangUpOnAll(ServerSocket fake) {
        while (!fake.isClosed()) {
            try (Socket caller = fake.accept()) {
                caller.setSoLinger(true, 0);
            } catch (IOException e) {
                assertThat(fake.isClosed()).isTrue();
            }
        }
    }
}
