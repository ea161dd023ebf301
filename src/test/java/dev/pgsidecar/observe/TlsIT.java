package dev.pgsidecar.observe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.cluster.Certificate;
import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.postgres.Failure.Kind;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Each sslmode against a server with a certificate for "localhost". */
class TlsIT {

    private static final String ENCRYPTED = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
            + " WHERE application_name = 'pgsidecar/observe'";

    @TempDir
    Path folder;

    @Test
    void speaksTlsAsAsked() throws Exception {
        Certificate certificate = Certificate.make(folder, "localhost");
        Path right = Files.writeString(folder.resolve("right.pem"), certificate.pem());
        Path wrong = Files.writeString(
                folder.resolve("wrong.pem"), Certificate.make(folder, "other").pem());
        try (Cluster cluster = Cluster.on(17)) {
            Postgres server = cluster.primary("pg-0");
            assertEncrypted(server, false, "127.0.0.1", "prefer"); // the server offers none yet
            try (Watch watch = Watch.on(server, folder, "postgres.ssl.mode", "require")) {
                assertThat(watch.awaitFailure(Kind.TLS_FAILED).cause()).contains("does not offer TLS");
            }
            certificate.giveTo(server);

            assertEncrypted(server, true, "127.0.0.1", "prefer");
            assertEncrypted(server, true, "127.0.0.1", "require");
            assertEncrypted(server, false, "127.0.0.1", "disable");
            assertEncrypted(server, true, "127.0.0.1", "verify-ca", "postgres.ssl.root-certificate", "" + right);
            assertEncrypted(server, true, "localhost", "verify-full", "postgres.ssl.root-certificate", "" + right);
            assertRefused(server, "127.0.0.1", "verify-full", right);
            assertRefused(server, "localhost", "verify-full", wrong);
            assertRefused(server, "localhost", "verify-ca", wrong);
        }
    }

    private void assertEncrypted(Postgres server, boolean encrypted, String host, String mode, String... more) {
        try (Watch watch = Watch.on(server, folder, with(host, mode, more))) {
            watch.awaitInstance();
            assertThat(server.query(ENCRYPTED)).as(mode).isEqualTo(encrypted ? "t" : "f");
        }
    }

    private void assertRefused(Postgres server, String host, String mode, Path certificate) {
        try (Watch watch =
                Watch.on(server, folder, with(host, mode, "postgres.ssl.root-certificate", certificate.toString()))) {
            assertThat(watch.awaitFailure(Kind.TLS_FAILED).cause()).isNotBlank();
        }
    }

    private static String[] with(String host, String mode, String... more) {
        String[] all = new String[more.length + 4];
        System.arraycopy(new String[] {"postgres.host", host, "postgres.ssl.mode", mode}, 0, all, 0, 4);
        System.arraycopy(more, 0, all, 4, more.length);
        return all;
    }
}
