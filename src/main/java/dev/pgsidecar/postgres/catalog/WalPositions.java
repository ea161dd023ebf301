package dev.pgsidecar.postgres.catalog;

import dev.pgsidecar.postgres.Lsn;
import java.util.Optional;

/**
 * Where the server stands in the WAL. A primary has the first three, a standby the last two.
 *
 * @param insert the end of what transactions have put into WAL buffers; ahead of {@code write} on a busy primary
 * @param write the end of what was handed to the operating system
 * @param flush the end of what is durable
 * @param receive the end of what streaming has brought and made durable; absent if nothing was ever streamed
 * @param replay the end of what was replayed
 */
public record WalPositions(
        Optional<Lsn> insert, Optional<Lsn> write, Optional<Lsn> flush, Optional<Lsn> receive, Optional<Lsn> replay) {

    /** Where the server stands, whatever it is: a primary's end of written WAL, a standby's of replayed. */
    public Optional<Lsn> here() {
        return write.or(() -> replay);
    }

    static String sql() {
        return """
                CASE WHEN here.recovering
                  THEN json_build_object('receive', pg_last_wal_receive_lsn(), 'replay', pg_last_wal_replay_lsn())
                  ELSE json_build_object('insert', pg_current_wal_insert_lsn(), 'write', pg_current_wal_lsn(),
                                         'flush', pg_current_wal_flush_lsn())
                END""";
    }

    static WalPositions of(Fields fields) {
        return new WalPositions(
                fields.lsn("insert"),
                fields.lsn("write"),
                fields.lsn("flush"),
                fields.lsn("receive"),
                fields.lsn("replay"));
    }
}
