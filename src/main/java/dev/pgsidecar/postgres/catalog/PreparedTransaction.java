package dev.pgsidecar.postgres.catalog;

import static dev.pgsidecar.postgres.catalog.Fields.micros;

import java.time.Instant;

/**
 * A transaction that waits for COMMIT PREPARED, from pg_prepared_xacts; it holds its locks and back vacuum until then.
 *
 * @param name its global identifier
 */
public record PreparedTransaction(String name, Instant prepared, String owner, String database) {

    /** The most that are looked at, the oldest first. */
    static final int MOST = 50;

    static String sql() {
        return Fields.rows("SELECT gid, %s AS prepared, owner, database FROM pg_prepared_xacts ORDER BY 2 LIMIT %d"
                .formatted(micros("prepared"), MOST));
    }

    static PreparedTransaction of(Fields fields) {
        return new PreparedTransaction(
                fields.text("gid").orElseThrow(),
                fields.instant("prepared").orElseThrow(),
                fields.text("owner").orElseThrow(),
                fields.text("database").orElseThrow());
    }
}
