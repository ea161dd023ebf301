package dev.pgsidecar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Partitioned;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Psql;
import dev.pgsidecar.cluster.SqlFailure;
import dev.pgsidecar.cluster.Standby;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Servers take the statements that docs/runbooks tells a tired person to type; DocumentsIT runs the commands. */
class RunbooksIT {

    private static final Path RUNBOOKS = Path.of("docs/runbooks");

    private static final Pattern PSQL = Pattern.compile("(?m)^ *psql -X(?: -At)?(?: -d (\\w+))?((?: -c \"[^\"]+\")+)$");
    private static final Pattern STATEMENT = Pattern.compile("-c \"([^\"]+)\"");
    private static final Pattern INLINE = Pattern.compile("`(SELECT [^`]+)`");

    /** A statement and the database it is for. */
    private record Typed(Path runbook, String database, String sql) {}

    @Test
    void serversTakeTheStatements() throws IOException {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary(
                    "pg-0",
                    Map.of(
                            "shared_preload_libraries",
                            "'pg_cron,pg_partman_bgw'",
                            "cron.database_name",
                            "'postgres'",
                            "cron.host",
                            "'127.0.0.1'"));
            primary.sql(
                    "CREATE EXTENSION pg_cron",
                    "SELECT cron.schedule_in_database('partitions', '@daily', 'SELECT 1', 'postgres')",
                    "SELECT pg_create_physical_replication_slot('pg_2', true)");
            Psql.install(primary);
            Partitioned.on(primary).byDay("public.orders");
            Postgres standby = cluster.standby("pg-1", primary, Standby.WITHOUT_SLOT);
            primary.sql("SELECT pg_create_physical_replication_slot('pg_1', true)");
            cluster.awaitReplay(primary, standby);

            List<Typed> all = typed();
            assertThat(all).hasSizeGreaterThan(40);
            for (Typed typed : all) {
                List<String> refusals = new ArrayList<>();
                boolean taken = Stream.of(primary, standby).anyMatch(server -> takes(server, typed, refusals));
                assertThat(taken)
                        .as("%s: %s: %s", typed.runbook(), typed.sql(), refusals)
                        .isTrue();
            }
        }
    }

    private static boolean takes(Postgres server, Typed typed, List<String> refusals) {
        try {
            server.sqlIn(typed.database(), typed.sql());
            return true;
        } catch (SqlFailure e) {
            refusals.add(e.getMessage());
            return false;
        }
    }

    private static List<Typed> typed() throws IOException {
        List<Typed> all = new ArrayList<>();
        for (Path runbook : runbooks()) {
            String text = Files.readString(runbook);
            PSQL.matcher(text).results().forEach(line -> {
                String database = line.group(1) == null ? Postgres.DATABASE : line.group(1);
                matches(STATEMENT, line.group(2)).forEach(sql -> all.add(new Typed(runbook, database, sql)));
            });
            matches(INLINE, text).stream()
                    .map(sql -> sql.replaceAll("\\s+", " "))
                    .filter(sql -> !sql.contains("(pid)")) // of the row that another statement has shown
                    .filter(sql -> !sql.contains("create_physical")) // is there; the block of SlotLost makes one
                    .forEach(sql -> all.add(new Typed(
                            runbook, sql.contains("partman.") ? Partitioned.DATABASE : Postgres.DATABASE, sql)));
        }
        return all;
    }

    private static List<Path> runbooks() throws IOException {
        try (Stream<Path> files = Files.list(RUNBOOKS)) {
            return files.sorted().toList();
        }
    }

    private static List<String> matches(Pattern pattern, String text) {
        return pattern.matcher(text).results().map(match -> match.group(1)).toList();
    }
}
