package dev.pgsidecar.agent;

import dev.pgsidecar.cluster.Account;
import dev.pgsidecar.cluster.Postgres;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** What pg_controldata says of a server that is stopped. */
final class Controldata {

    private Controldata() {}

    static String latestCheckpoint(Postgres server) {
        try {
            Process process = new ProcessBuilder(Account.current()
                            .command(List.of(
                                    server.binaries().program("pg_controldata"),
                                    server.dataDirectory().toString())))
                    .start();
            return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .filter(line -> line.startsWith("Latest checkpoint location:"))
                    .map(line -> line.substring(line.lastIndexOf(' ') + 1))
                    .findFirst()
                    .orElseThrow();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
