package dev.pgsidecar.cluster;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** The psql of a server's own version, as superuser. */
public final class Psql {

    private Psql() {}

    /** Gives the agent its role and all that it may do on a primary: deploy/sql/observe.sql and install.sql. */
    public static void install(Postgres primary) {
        run(primary, Path.of("deploy/sql/observe.sql").toAbsolutePath());
        run(primary, Path.of("deploy/sql/install.sql").toAbsolutePath(), "--dbname=pgsidecar");
    }

    /** Runs a script, with more options of psql; an error in it is a {@link BenchException}. */
    public static void run(Postgres server, Path script, String... options) {
        List<String> command = new ArrayList<>(List.of(
                server.binaries().program("psql"),
                "--no-psqlrc",
                "--host=" + server.host(),
                "--port=" + server.port(),
                "--username=" + Postgres.SUPERUSER,
                "--dbname=" + Postgres.DATABASE,
                "--set=ON_ERROR_STOP=1",
                "--file=" + script));
        command.addAll(List.of(options));
        Commands.run(server.dataDirectory(), Duration.ofSeconds(30), command);
    }
}
