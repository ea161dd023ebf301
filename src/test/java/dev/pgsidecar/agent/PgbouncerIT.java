package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Account;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.TestTools;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a real PgBouncer and its clients see of a write pause: the paragraph of docs/write-pause.md. */
@Tag("agent")
class PgbouncerIT {

    @TempDir
    Path folder;

    @Test
    void keepsItsClientsThroughAPause() throws Exception {
        try (Paused paused = new Paused(17, folder).startAgents()) {
            int port = paused.trio().cluster().freePort();
            Process bouncer = bouncer(paused.primary(), port);
            String url =
                    "jdbc:postgresql://127.0.0.1:%d/app?user=app&prepareThreshold=0&socketTimeout=30".formatted(port);
            await("PgBouncer").atMost(Duration.ofSeconds(10)).ignoreExceptions().until(() -> {
                DriverManager.getConnection(url).close();
                return true;
            });
            try (Connection idle = DriverManager.getConnection(url);
                    Statement statement = idle.createStatement();
                    Connection busy = DriverManager.getConnection(url);
                    Statement open = busy.createStatement()) {
                statement.execute("INSERT INTO t DEFAULT VALUES");
                busy.setAutoCommit(false);
                open.execute("INSERT INTO t DEFAULT VALUES");
                paused.pauseAll("60s");
                assertThatThrownBy(() -> open.execute("INSERT INTO t DEFAULT VALUES"))
                        .as("a client in a transaction is told")
                        .isInstanceOf(SQLException.class);
                Thread waits = insert(statement);
                Thread.sleep(1500);
                assertThat(waits.isAlive()).as("one between transactions waits").isTrue();
                paused.resume();
                assertThat(waits.join(Duration.ofSeconds(10))).isTrue();
            }

            // With PAUSE and RESUME around it the client only waits.
            try (Connection client = DriverManager.getConnection(url);
                    Statement statement = client.createStatement()) {
                statement.execute("INSERT INTO t DEFAULT VALUES");
                console(paused.primary(), port, "PAUSE app");
                paused.pauseAll("60s");
                Thread waits = insert(statement);
                Thread.sleep(500);
                assertThat(waits.isAlive()).as("it waits").isTrue();
                paused.resume();
                console(paused.primary(), port, "RESUME app");
                assertThat(waits.join(Duration.ofSeconds(10))).isTrue();
            }
            assertThat(paused.primary().queryIn("app", "SELECT count(*) FROM t"))
                    .isEqualTo("4");
            bouncer.destroyForcibly().waitFor();
        }
    }

    private static void console(Postgres server, int port, String order) throws Exception {
        Process psql = new ProcessBuilder(
                        server.binaries().program("psql"),
                        "-X",
                        "-h",
                        "127.0.0.1",
                        "-p",
                        "" + port,
                        "-U",
                        "app",
                        "-c",
                        order,
                        "pgbouncer")
                .redirectErrorStream(true)
                .start();
        assertThat(psql.waitFor())
                .as(new String(psql.getInputStream().readAllBytes()))
                .isZero();
    }

    private static Thread insert(Statement statement) {
        return Thread.ofVirtual().start(() -> {
            try {
                statement.execute("INSERT INTO t DEFAULT VALUES");
            } catch (SQLException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    private Process bouncer(Postgres server, int port) throws Exception {
        Path files = Files.createDirectory(server.dataDirectory().resolveSibling("pgbouncer"));
        Path users = Files.writeString(files.resolve("users"), "\"app\" \"\"\n");
        Path config = Files.writeString(files.resolve("pgbouncer.ini"), """
                [databases]
                app = host=127.0.0.1 port=%d dbname=app
                [pgbouncer]
                listen_addr = 127.0.0.1
                listen_port = %d
                unix_socket_dir =
                auth_type = trust
                auth_file = %s
                admin_users = app
                pool_mode = transaction
                server_login_retry = 1
                ignore_startup_parameters = extra_float_digits
                """.formatted(server.port(), port, users));
        return new ProcessBuilder(Account.current()
                        .command(List.of(TestTools.program("pgbouncer").toString(), config.toString())))
                .directory(files.toFile())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("pgbouncer.log").toFile())
                .start();
    }
}
