package dev.pgsidecar.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Psql;
import dev.pgsidecar.cluster.SqlFailure;
import dev.pgsidecar.suite.EachVersion;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** deploy/sql/replication.* set up a primary for its standbys, and change nothing twice. */
class ReplicationFilesIT {

    private static final Path FOLDER = Path.of("deploy/sql").toAbsolutePath();

    @EachVersion
    void setUpAPrimary(int major) throws Exception {
        try (Cluster cluster = Cluster.on(major)) {
            Postgres primary = cluster.primary("pg-0");
            Path archive = cluster.folder().resolve("archive");
            primary.sql("COPY (SELECT) TO PROGRAM 'mkdir -p %s'".formatted(archive));

            for (String[] setting : settings()) {
                primary.setting(setting[0], setting[1].replace("ARCHIVE", archive.toString()));
            }
            primary.restart();
            assertThat(primary.queryColumn("SELECT name FROM pg_settings WHERE pending_restart"))
                    .isEmpty();
            for (String[] setting : settings()) {
                assertThat(primary.query("SHOW " + setting[0]))
                        .isEqualTo(setting[1].replace("'", "").replace("ARCHIVE", archive.toString()));
            }

            Psql.run(primary, FOLDER.resolve("replication.sql"), "--set=slots=pg_1 pg_2");
            Psql.run(primary, FOLDER.resolve("replication.sql"), "--set=slots=pg_1 pg_2");
            assertThat(primary.queryColumn("SELECT slot_name FROM pg_replication_slots WHERE restart_lsn IS NOT NULL"))
                    .containsExactlyInAnyOrder("pg_1", "pg_2");
            assertThat(primary.query("SELECT rolcanlogin AND rolreplication AND NOT (rolsuper OR rolcreaterole"
                            + " OR rolcreatedb OR rolbypassrls) FROM pg_roles WHERE rolname = 'replicator'"))
                    .isEqualTo("t");

            List<String> lines = Files.readAllLines(FOLDER.resolve("replication.hba")).stream()
                    .filter(line -> !line.startsWith("#"))
                    .toList();
            lines.reversed().forEach(primary::hba); // each goes above those before
            assertThat(primary.queryColumn("SELECT error FROM pg_hba_file_rules WHERE error IS NOT NULL"))
                    .isEmpty();
            assertThat(primary.query("SELECT count(*) FROM pg_hba_file_rules WHERE 'replicator' = ANY (user_name)"
                            + " AND (database = '{replication}' AND auth_method = 'scram-sha-256'"
                            + " OR database = '{all}' AND auth_method = 'reject')"))
                    .isEqualTo("3");

            primary.sql("ALTER ROLE replicator PASSWORD 'secret'");
            assertThatThrownBy(() -> primary.connect(Postgres.DATABASE, "replicator", "secret"))
                    .hasMessageContaining("pg_hba.conf rejects connection");

            archives(primary, archive);
        }
    }

    private static void archives(Postgres primary, Path archive) {
        String segment = primary.query("SELECT pg_walfile_name(pg_current_wal_insert_lsn())");
        primary.sql("CREATE TABLE t AS SELECT 1 AS v", "SELECT pg_switch_wal()");
        await().untilAsserted(() -> assertThat(
                        primary.query("SELECT archived_count > 0 AND failed_count = 0 AND last_archived_wal >= '%s'"
                                        .formatted(segment)
                                + " FROM pg_stat_archiver"))
                .isEqualTo("t"));
        assertThat(archive.resolve(segment))
                .hasSameBinaryContentAs(
                        primary.dataDirectory().resolve("pg_wal").resolve(segment));

        String again = "COPY (SELECT) TO PROGRAM '%s'"
                .formatted(primary.query("SHOW archive_command")
                        .replace("%p", "pg_wal/" + segment)
                        .replace("%f", segment));
        primary.sql(again); // a server that died before it noted the success
        primary.sql("COPY (SELECT 1) TO '%s'".formatted(archive.resolve(segment)));
        assertThatThrownBy(() -> primary.sql(again))
                .as("another segment under that name stays")
                .isInstanceOf(SqlFailure.class);
    }

    /** The names and values of replication.conf. */
    private static List<String[]> settings() throws IOException {
        return Files.readAllLines(FOLDER.resolve("replication.conf")).stream()
                .filter(line -> !line.isBlank() && !line.startsWith("#"))
                .map(line -> line.split(" = ", 2))
                .toList();
    }
}
