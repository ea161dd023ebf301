package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.agent.AgentProcess.Ended;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.docs.Page;
import dev.pgsidecar.suite.Repeated;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A primary hands over to a standby under load, and by the book. */
@Tag("agent")
class HandOverIT {

    private static final int WRITERS = 8;
    private static final Duration TO_WRITE = Duration.ofSeconds(30);

    @TempDir
    Path folder;

    /** A write that was acknowledged: by whom, and when on this host's clock. */
    private record Acknowledged(long entry, String node, long at) {}

    @Repeated(5)
    void losesNothingAndNeverHasTwoPrimaries() throws Exception {
        round(folder);
    }

    @Test
    @Tag("soak")
    void losesNothingInManyRounds() throws Exception {
        for (int round = 0; round < 50; round++) {
            round(Files.createDirectory(folder.resolve("round-" + round)));
        }
    }

    private static void round(Path folder) throws Exception {
        try (Paused paused = new Paused(17, folder)) {
            paused.primary().sqlIn("app", "SET ROLE app", "CREATE TABLE ledger (entry bigint PRIMARY KEY)");
            paused.startAgents();
            List<Postgres> nodes = List.of(paused.primary(), paused.trio().server("pg-1"));
            AtomicBoolean stop = new AtomicBoolean();
            Queue<Acknowledged> acknowledged = new ConcurrentLinkedQueue<>();
            List<Thread> writers = new ArrayList<>();
            for (int writer = 0; writer < WRITERS; writer++) {
                long first = writer * 1_000_000L;
                writers.add(Thread.ofVirtual().start(() -> write(nodes, first, acknowledged, stop)));
            }
            await().atMost(TO_WRITE).until(() -> acknowledged.size() > 500);

            paused.promote("pg-1", paused.handOver("pg-1").getLong("generation"));
            await().atMost(TO_WRITE)
                    .until(() -> acknowledged.stream()
                                    .filter(each -> each.node().equals("pg-1"))
                                    .count()
                            > 500);
            stop.set(true);
            for (Thread writer : writers) {
                writer.join();
            }

            Set<Long> there = new TreeSet<>();
            Arrays.stream(nodes.getLast()
                            .queryIn("app", "SELECT string_agg(entry::text, ',') FROM ledger")
                            .split(","))
                    .forEach(entry -> there.add(Long.valueOf(entry)));
            assertThat(there)
                    .as("what was acknowledged")
                    .containsAll(acknowledged.stream().map(Acknowledged::entry).toList());
            long last = acknowledged.stream()
                    .filter(each -> each.node().equals("pg-0"))
                    .mapToLong(Acknowledged::at)
                    .max()
                    .orElseThrow();
            long first = acknowledged.stream()
                    .filter(each -> each.node().equals("pg-1"))
                    .mapToLong(Acknowledged::at)
                    .min()
                    .orElseThrow();
            assertThat(first).as("one after the other").isGreaterThan(last);
            System.out.printf("hand-over: no write for %d ms%n", (first - last) / 1_000_000);
        }
    }

    /** As a client with both hosts in its connection string: whoever takes the write has it. */
    private static void write(List<Postgres> nodes, long entry, Queue<Acknowledged> acknowledged, AtomicBoolean stop) {
        while (!stop.get()) {
            for (Postgres node : nodes) {
                try (Connection session = node.connect("app", "app", "");
                        Statement statement = session.createStatement()) {
                    while (!stop.get()) {
                        entry++;
                        statement.execute("INSERT INTO ledger VALUES (%d)".formatted(entry));
                        acknowledged.add(new Acknowledged(entry, node.name(), System.nanoTime()));
                    }
                } catch (SQLException e) {
                    entry++; // it may be there, or not
                }
            }
        }
    }

    /** The commands of docs/runbooks/hand-over.md, as they stand there. */
    @Test
    @Tag("full")
    void goesByTheBook() throws Exception {
        try (Paused paused = new Paused(17, folder).startAgents()) {
            Map<String, String> environment = paused.trio().commandLine();
            Postgres next = paused.trio().server("pg-1");
            Postgres other = paused.trio().server("pg-2");
            next.sql("SELECT pg_create_physical_replication_slot('pg_2', true)");
            other.sql(
                    "ALTER SYSTEM SET primary_conninfo = %s"
                            .formatted("'" + conninfo(other, next).replace("'", "''") + "'"),
                    "SELECT pg_reload_conf()");
            await("pg-2 streams from pg-1").atMost(Duration.ofSeconds(20)).until(() -> next.query(
                            "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'pg-2'")
                    .equals("1"));
            paused.trio().agent("pg-2").await200("/replica");
            List<String> outputs = new ArrayList<>();
            for (String line : Page.commands("docs/runbooks/hand-over.md", "pgsidecar")) {
                List<String> command = arguments(line);
                Ended ended = AgentProcess.run(folder, environment, command.toArray(String[]::new));
                assertThat(ended.exitCode())
                        .as("%s: %s", command, ended.output())
                        .isZero();
                outputs.add(ended.output());
            }
            assertThat(outputs).hasSize(5);
            assertThat(outputs.get(1))
                    .contains("generation: 1", "guarantee: no-ordinary-role-can-write", "couldStillWrite: superuser");
            assertThat(outputs.get(2)).contains("next: pgsidecar promote --agent pg-1 --generation 1");
            assertThat(outputs.get(3)).contains("generation 1 of pg-0");
            assertThat(outputs.get(4))
                    .containsPattern("pg-0 +primary +handed-over\\(pg-1\\) +1 ")
                    .containsPattern("pg-1 +primary +running +2 ");
            Paused.write(next);
            paused.trio().cluster().awaitReplay(next, other);
            assertThat(other.queryIn("app", "SELECT count(*) FROM t"))
                    .as("pg-2 has followed")
                    .isEqualTo("1");

            Ended status = AgentProcess.run(folder, environment, "writes", "status", "--agent", "pg-0");
            assertThat(status.output()).contains("handed-over, generation 1", "nothing resumes by itself", "UPDATE");
            Ended refused = AgentProcess.run(folder, environment, "writes", "resume", "--agent", "pg-0");
            assertThat(refused.exitCode()).isEqualTo(1);
            assertThat(refused.output()).contains("superseded: found pg-1");
        }
    }

    @Test
    void holdsAsLongAsSomebodyWaitsForIt() throws Exception {
        try (Paused paused = new Paused(17, folder).startAgents()) {
            Map<String, String> environment = paused.trio().commandLine();
            Ended dryRun = AgentProcess.run(
                    folder, environment, "writes", "pause", "--agent", "pg-0", "--database", "nope", "--dry-run");
            assertThat(dryRun.exitCode()).isEqualTo(1);
            assertThat(dryRun.output()).contains("databases: found nope", "It would be refused.");

            Path output = folder.resolve("hold.out");
            Process hold = AgentProcess.begin(
                    output, environment, "writes", "pause", "--agent", "pg-0", "--all", "--ttl", "5s", "--hold");
            await().atMost(Duration.ofSeconds(20))
                    .until(() -> Files.readString(output).contains("Ctrl-C"));
            paused.awaitObservationAfter(paused.expiry());
            assertThat(paused.state()).as(paused.agent().log()).isEqualTo("paused");
            Ended renewed = AgentProcess.run(
                    folder, environment, "writes", "renew", "--agent", "pg-0", "--generation", "1", "--ttl", "5s");
            assertThat(renewed.output()).contains("generation 1 is held until");
            new ProcessBuilder("bash", "-c", "kill -INT " + hold.pid()).start().waitFor();
            assertThat(hold.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(Files.readString(output)).contains("succeeded");
            assertThat(paused.state()).isEqualTo("open");
            Paused.write(paused.primary());

            Ended wrong =
                    AgentProcess.run(folder, environment, "writes", "renew", "--agent", "pg-0", "--generation", "1");
            assertThat(wrong.exitCode()).isEqualTo(1);
            Ended again = AgentProcess.run(folder, environment, "writes", "resume", "--agent", "pg-0");
            assertThat(again.exitCode()).isZero();
            Ended status = AgentProcess.run(folder, environment, "writes", "status", "--agent", "pg-0");
            assertThat(status.output())
                    .contains("writes are not paused", "the last pause, generation 1, by ops", ": resumed by ops");
        }
    }

    private static String conninfo(Postgres standby, Postgres upstream) {
        return standby.query("SHOW primary_conninfo").replaceAll("port='?\\d+'?", "port=" + upstream.port());
    }

    /** The arguments of a line that begins with the program's name. */
    private static List<String> arguments(String line) {
        return Arrays.stream(line.split(" (?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)"))
                .skip(1)
                .map(argument -> argument.replace("\"", ""))
                .toList();
    }
}
