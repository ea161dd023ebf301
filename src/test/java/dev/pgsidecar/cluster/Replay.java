package dev.pgsidecar.cluster;

import java.time.Duration;

/** Waits for standbys. */
final class Replay {
    /**
     * The position after a server's last record. At the start of a page the server reports where the next record will
     * go, after the page's header of 24 bytes (40 in a segment's first page); nothing to replay lies in between.
     */
    private static final String WRITTEN = """
            SELECT lsn - CASE WHEN (lsn - '0/0') % 8192 IN (24, 40) THEN (lsn - '0/0') % 8192 ELSE 0 END
            FROM (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                              ELSE pg_current_wal_insert_lsn() END AS lsn) AS position
            """;

    private final String database;
    private String seen = "nothing yet";

    private Replay(String database) {
        this.database = database;
    }

    static void await(Postgres source, Postgres standby, String database, Duration timeout) {
        String target = source.queryIn(database, WRITTEN);
        Replay replay = new Replay(database);
        Await.until(
                timeout,
                () -> replay.reached(standby, target),
                () -> standby + " has replayed up to " + replay.seen + ", " + source + " has written " + target);
    }

    private boolean reached(Postgres standby, String target) {
        seen = standby.queryIn(database, "SELECT pg_last_wal_replay_lsn()");
        return seen != null && Lsn.of(seen) >= Lsn.of(target);
    }

    /** Positions in the WAL, as in 16/B374D848. */
    private static final class Lsn {
        static long of(String text) {
            int slash = text.indexOf('/');
            return Long.parseLong(text.substring(0, slash), 16) << 32 | Long.parseLong(text.substring(slash + 1), 16);
        }
    }
}
