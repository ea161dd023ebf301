package dev.pgsidecar.observe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Proxy;
import dev.pgsidecar.cluster.StopMode;
import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.observe.Observation.Unanswered;
import dev.pgsidecar.postgres.Failure;
import dev.pgsidecar.postgres.Failure.Kind;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each way in which a real server does not answer has its own name, and ends when the server is back. */
class FailureIT {

    @TempDir
    Path state;

    @Test
    void down() {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            try (Watch watch = Watch.on(server, state)) {
                watch.awaitInstance();
                server.stop();
                assertThat(watch.awaitFailure(Kind.DOWN).cause()).contains("refused");
                assertThat(watch.history().lastAnswered()).isPresent();
                server.start();
                watch.awaitInstance();
            }
        }
    }

    @Test
    void startingWithTheControlFile() {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0", cluster.archiveSettings());
            Postgres standby = cluster.archiveStandby("pg-1", primary);
            try (Watch watch = Watch.on(
                    standby,
                    state,
                    "postgres.data-directory",
                    standby.dataDirectory().toString())) {
                watch.awaitInstance();
                standby.kill();
                standby.setting("restore_command", "'sleep 5; false'"); // it asks the archive before it is consistent
                standby.startWithoutWaiting();
                Failure failure = watch.awaitFailure(Kind.STARTING);
                assertThat(failure.cause()).contains("[57P03]");
                Unanswered seen = (Unanswered) watch.history().latest().orElseThrow();
                assertThat(seen.controlFileModified().orElseThrow())
                        .isAfter(seen.at().wall().minusSeconds(60));
                standby.kill();
            }
        }
    }

    @Test
    void stoppedIsNotDown() {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            Postgres other = cluster.standby("pg-1", server);
            String folder = server.dataDirectory().toString();
            try (Watch watch = Watch.on(server, state, "postgres.data-directory", folder)) {
                watch.awaitInstance();
                server.stop();
                assertThat(watch.awaitFailure(Kind.STOPPED).cause()).contains("refused", "shut down");
                server.start();
                watch.awaitInstance();
                server.stop(StopMode.IMMEDIATE);
                watch.awaitFailure(Kind.DOWN);
            }
            try (Watch watch = Watch.on(
                    other,
                    state,
                    "postgres.data-directory",
                    other.dataDirectory().toString())) {
                watch.awaitInstance();
                other.stop();
                watch.awaitFailure(Kind.STOPPED);
            }
        }
    }

    @Test
    void stoppedIsSaidOnlyOfThisServer() throws IOException {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            Path foreign = Files.createDirectories(state.resolve("foreign/global"));
            server.stop();
            byte[] content = Files.readAllBytes(server.dataDirectory().resolve("global/pg_control"));
            content[0]++;
            Files.write(foreign.resolve("pg_control"), content);
            server.start();
            try (Watch watch = Watch.on(
                    server,
                    state,
                    "postgres.data-directory",
                    foreign.getParent().toString())) {
                watch.awaitInstance();
                server.stop();
                watch.awaitFailure(Kind.DOWN);
            }
        }
    }

    @Test
    void hotStandbyOff() {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            Postgres standby = cluster.standby("pg-1", primary);
            try (Watch watch = Watch.on(standby, state)) {
                watch.awaitInstance();
                standby.stop();
                standby.setting("hot_standby", "off");
                standby.startWithoutWaiting();
                watch.awaitFailure(Kind.HOT_STANDBY_OFF);
            }
        }
    }

    @Test
    void shuttingDown() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            try (Connection lingering = server.connect();
                    var stopper = Executors.newVirtualThreadPerTaskExecutor()) {
                stopper.submit(() -> server.stop(StopMode.SMART));
                await().until(() -> server.log().contains("received smart shutdown request"));
                try (Watch watch = Watch.on(server, state)) {
                    assertThat(watch.awaitFailure(Kind.SHUTTING_DOWN).cause()).contains("shutting down");
                    lingering.abort(Runnable::run);
                    watch.awaitFailure(Kind.DOWN);
                }
            }
        }
    }

    @Test
    void outOfConnections() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0", Map.of("max_connections", "12"));
            server.sql("CREATE ROLE watcher LOGIN", "GRANT pg_monitor TO watcher");
            server.hba("host all watcher 127.0.0.1/32 trust");
            List<Connection> all = new ArrayList<>();
            try {
                for (int connection = 0; connection < 9; connection++) { // the last 3 are the superusers'
                    all.add(server.connect("postgres", "watcher", ""));
                }
                try (Watch watch = Watch.on(server, state, "postgres.user", "watcher")) {
                    assertThat(watch.awaitFailure(Kind.OUT_OF_CONNECTIONS).cause())
                            .contains("[53300]");
                    all.removeFirst().close();
                    Instance seen = watch.awaitInstance();
                    assertThat(seen.facts().activity().connections()).hasValue(9);
                }
            } finally {
                for (Connection connection : all) {
                    connection.close();
                }
            }
        }
    }

    @Test
    void wrongPasswordUntilTheFileHoldsTheRightOne() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            server.sql("CREATE ROLE watcher LOGIN PASSWORD 'right'", "GRANT pg_monitor TO watcher");
            Path secret = state.resolve("secret");
            try (Watch watch =
                    Watch.on(server, state, "postgres.user", "watcher", "postgres.password-file", secret.toString())) {
                assertThat(watch.awaitFailure(Kind.CREDENTIALS_UNREADABLE).cause())
                        .contains(secret.toString());
                Files.writeString(secret, "\nright\n");
                watch.awaitObservation(seen -> seen instanceof Unanswered unanswered
                        && unanswered.failure().kind() == Kind.CREDENTIALS_UNREADABLE
                        && unanswered.failure().cause().contains("first line is empty"));
                Files.writeString(secret, "wrong\n");
                assertThat(watch.awaitFailure(Kind.AUTHENTICATION_FAILED).cause())
                        .contains("[28P01]")
                        .doesNotContain("wrong");
                Files.writeString(secret, "right\n");
                watch.awaitInstance();
            }
        }
    }

    @Test
    void noSuchRoleOrDatabase() {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            try (Watch watch = Watch.on(server, state, "postgres.database", "nowhere")) {
                assertThat(watch.awaitFailure(Kind.NO_DATABASE).cause()).contains("nowhere");
                server.sql("CREATE DATABASE nowhere");
                watch.awaitInstance();
            }
            try (Watch watch = Watch.on(server, state, "postgres.user", "nobody")) {
                assertThat(watch.awaitFailure(Kind.AUTHENTICATION_FAILED).cause())
                        .contains("[28P01]", "no password is configured");
            }
        }
    }

    @Test
    void hangsAndComesBackWithOneConnection() {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            try (Proxy link = Proxy.to(server.port());
                    Watch watch = Watch.onPort(link.port(), state)) {
                watch.awaitInstance();
                server.hang();
                watch.awaitFailure(Kind.HUNG);
                await().during(Duration.ofSeconds(3))
                        .atMost(Duration.ofSeconds(4))
                        .until(() -> link.connections() <= 1);
                assertThat(watch.history().latest()).get().isInstanceOf(Unanswered.class);
                server.resume();
                watch.awaitInstance();
                await().untilAsserted(() -> assertThat(server.query(
                                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgsidecar%'"))
                        .isEqualTo("1"));
            }
        }
    }

    @Test
    void aBlackHoleIsHungToo() {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            try (Proxy link = Proxy.to(server.port());
                    Watch watch = Watch.onPort(link.port(), state)) {
                watch.awaitInstance();
                link.cut();
                watch.awaitFailure(Kind.HUNG);
                link.mend();
                watch.awaitInstance();
            }
        }
    }

    @Test
    void aCrashOfTheServerUnderTheQuery() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            try (Watch watch = Watch.on(server, state, "observe.timeout", "10s", "observe.stale-after", "30s")) {
                watch.awaitInstance();
                String pid =
                        server.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'pgsidecar/observe'");
                ProcessHandle.of(Long.parseLong(pid))
                        .orElseThrow()
                        .destroyForcibly(); // the postmaster then restarts all
                await().until(() -> watch.all().stream().anyMatch(Unanswered.class::isInstance)
                        || server.log().contains("database system is ready to accept connections"));
                watch.awaitInstance();
                server.kill();
                watch.awaitFailure(Kind.DOWN);
                assertThat(watch.all().stream()
                                .filter(Unanswered.class::isInstance)
                                .map(seen -> ((Unanswered) seen).failure().kind()))
                        .as("a crash that cuts a login is \"anything else on the way\"")
                        .isSubsetOf(
                                Kind.DOWN, Kind.STARTING, Kind.CONNECTION_LOST, Kind.SHUTTING_DOWN, Kind.UNREACHABLE);
            }
        }
    }

    @Test
    void aSlowQueryIsCancelledByTheServer() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            try (Watch watch = Watch.on(server, state);
                    Connection locker = server.connect()) {
                watch.awaitInstance();
                locker.setAutoCommit(false);
                try (var statement = locker.createStatement()) {
                    statement.execute("LOCK TABLE pg_authid IN ACCESS EXCLUSIVE MODE"); // pg_stat_activity reads it
                }
                watch.awaitFailure(Kind.QUERY_TIMED_OUT);
                locker.rollback();
                watch.awaitInstance();
            }
        }
    }

    @Test
    void anotherClusterOnTheSamePortIsNotRead() throws Exception {
        try (Cluster cluster = Cluster.on(17);
                Cluster stranger = Cluster.withOwnSystemIdentifier(17)) {
            Postgres server = cluster.primary("pg-0");
            Postgres other = stranger.primary("pg-x", Map.of("log_statement", "all"));
            try (Proxy port = Proxy.to(server.port());
                    Watch watch = Watch.onPort(port.port(), state)) {
                watch.awaitInstance();
                port.turnTo(other.port());
                Failure failure = watch.awaitFailure(Kind.WRONG_INSTANCE);
                String mine = server.query("SELECT system_identifier FROM pg_control_system()");
                String foreign = other.query("SELECT system_identifier FROM pg_control_system()");
                assertThat(failure.cause()).contains(mine, foreign, "pgsidecar identity accept");
                assertThat(other.log()).contains("system_identifier").doesNotContain("pg_replication_slots");

                Files.delete(state.resolve("system-identifier"));
                int soFar = watch.all().size();
                await().until(() -> watch.all().size() > soFar + 3); // it is not forgotten
                assertThat(watch.awaitFailure(Kind.WRONG_INSTANCE).cause()).contains(mine);
                Files.writeString(state.resolve("system-identifier"), foreign + "\n"); // what identity accept does
                watch.awaitInstance(
                        instance -> instance.facts().server().systemIdentifier().equals(foreign));
            }
            try (Watch pinned = Watch.on(server, state, "postgres.system-identifier", "42")) {
                assertThat(pinned.awaitFailure(Kind.WRONG_INSTANCE).cause()).contains("change the configuration");
            }
        }
    }

    @Test
    void learnsTheIdentityOnceAndFailsClosedWhenItCannotBeRead() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            Path kept = state.resolve("deeper/system-identifier");
            try (Watch watch = Watch.on(server, state.resolve("deeper"))) {
                watch.awaitInstance();
                assertThat(kept).hasContent(server.query("SELECT system_identifier FROM pg_control_system()"));
            }
            Files.delete(kept);
            Files.createDirectory(kept);
            try (Watch watch = Watch.on(server, state.resolve("deeper"))) {
                watch.awaitFailure(Kind.IDENTITY_UNREADABLE);
            }
            Files.delete(kept);
            Files.writeString(kept, "garbage");
            try (Watch watch = Watch.on(server, state.resolve("deeper"))) {
                assertThat(watch.awaitFailure(Kind.IDENTITY_UNREADABLE).cause()).contains("holds no system_identifier");
            }
            try (Watch watch = Watch.on(server, Path.of("/proc/not-writable"))) {
                watch.awaitInstance(); // nothing can be kept there: the eyes work all the same
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "x",
                "HTTP/1.1 400 Bad Request\r\n\r\n",
                "S",
                "N",
                "R\0\0\0\u0004",
                "E\0\0\0\u0001",
                "\0\0\0\0\0\0\0"
            })
    void garbageIsUnreachable(String garbage) throws Exception {
        for (String mode : List.of("prefer", "disable")) {
            try (ServerSocket fake = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
                    Watch watch = Watch.onPort(fake.getLocalPort(), state, "postgres.ssl.mode", mode)) {
                Thread.ofVirtual().start(() -> answerAll(fake, garbage));
                Unanswered seen = (Unanswered) watch.awaitObservation(Unanswered.class::isInstance);
                assertThat(seen.failure().kind())
                        .isIn(Kind.UNREACHABLE, Kind.TLS_FAILED, Kind.HUNG, Kind.CONNECTION_LOST, Kind.QUERY_FAILED);
                assertThat(seen.failure().cause()).isNotBlank();
                await().pollDelay(Duration.ofMillis(500))
                        .until(() -> watch.all().size() > 2);
                assertThat(watch.all()).noneMatch(Answered.class::isInstance);
            }
        }
    }

    private static void answerAll(ServerSocket fake, String garbage) {
        while (!fake.isClosed()) {
            try (Socket caller = fake.accept()) {
                caller.getInputStream().read(new byte[8]);
                caller.getOutputStream().write(garbage.getBytes(StandardCharsets.ISO_8859_1));
            } catch (IOException e) {
                assertThat(e).hasMessageMatching("(?i).*(closed|reset|broken).*");
            }
        }
    }

    @Test
    void noSuchHost() {
        try (Watch watch = Watch.onPort(5432, state, "postgres.host", "no-such-host.invalid")) {
            assertThat(watch.awaitFailure(Kind.UNREACHABLE).cause()).contains("no-such-host.invalid");
        }
    }
}
