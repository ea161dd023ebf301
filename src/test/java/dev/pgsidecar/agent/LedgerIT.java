package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.suite.Repeated;
import io.vertx.core.json.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Writers keep a ledger of what was acknowledged; after a promote all of it must be there. */
@Tag("agent")
class LedgerIT {

    private static final int WRITERS = 8;

    private static final JsonObject PG_0_IS_DEAD = new JsonObject().put("deadPrimary", "pg-0");

    @TempDir
    Path folder;

    @Repeated(5)
    void losesNoAcknowledgedCommitOfASynchronousPair() throws Exception {
        round(folder);
    }

    @Test
    @Tag("soak")
    void losesNoneInManyRounds() throws Exception {
        for (int round = 0; round < 50; round++) {
            round(Files.createDirectory(folder.resolve("round-" + round)));
        }
    }

    private static void round(Path folder) throws Exception {
        try (Trio trio = new Trio(17, folder)) {
            Postgres primary = trio.server("pg-0");
            primary.setting("synchronous_standby_names", "'FIRST 1 (\"pg-1\")'");
            primary.reload();
            trio.startAgents();
            AtomicBoolean stop = new AtomicBoolean();
            Set<Long> acknowledged = new ConcurrentSkipListSet<>();
            List<Thread> writers = new ArrayList<>();
            for (int writer = 0; writer < WRITERS; writer++) {
                int number = writer;
                writers.add(Thread.ofVirtual().start(() -> write(primary, number, acknowledged, stop)));
            }
            await().until(() -> acknowledged.size() > 500);
            primary.kill();
            String promoted = mostAdvanced(trio);
            JsonObject operation = trio.promote(promoted, PG_0_IS_DEAD);
            stop.set(true);
            for (Thread writer : writers) {
                writer.join();
            }
            assertThat(operation.getString("state"))
                    .as(operation.encodePrettily())
                    .isEqualTo("succeeded");
            Set<Long> there = new TreeSet<>();
            trio.server(promoted)
                    .queryColumn("SELECT writer * 1000000 + entry FROM ledger")
                    .forEach(each -> there.add(Long.parseLong(each)));
            assertThat(there).containsAll(acknowledged);
        }
    }

    /** The asynchronous standby may have received more than the synchronous one; then that one is refused. */
    static String mostAdvanced(Trio trio) {
        return Stream.of("pg-1", "pg-2")
                .filter(name -> new JsonObject(trio.agent(name)
                                .order("/v1/promote?dryRun=true", PG_0_IS_DEAD)
                                .body())
                        .getBoolean("wouldRun"))
                .findFirst()
                .orElseThrow();
    }

    private static void write(Postgres primary, int writer, Set<Long> acknowledged, AtomicBoolean stop) {
        long entry = 0;
        try (Connection connection = primary.connect();
                PreparedStatement insert = connection.prepareStatement("INSERT INTO ledger VALUES (?, ?, 1)")) {
            while (!stop.get()) {
                insert.setInt(1, writer);
                insert.setLong(2, ++entry);
                insert.executeUpdate();
                acknowledged.add(writer * 1_000_000L + entry);
            }
        } catch (SQLException e) {
            // the primary is dead: what it had not acknowledged by then may be there, or not
        }
    }
}
