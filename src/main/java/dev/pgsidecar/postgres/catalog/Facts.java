package dev.pgsidecar.postgres.catalog;

import dev.pgsidecar.postgres.ServerVersion;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Optional;

/**
 * All that one tick asks of the server, in one statement and so of one moment.
 *
 * @param replay a standby's; absent on a primary
 * @param receiver a standby's WAL receiver; absent when none runs
 * @param pausable whether install.sql has made what a write pause needs, in the database that was asked
 * @param writePause the pause that is active, as it was replicated to a standby; absent too where that was not asked
 */
public record Facts(
        Server server,
        WalPositions wal,
        Optional<Replay> replay,
        Optional<Receiver> receiver,
        List<WalSender> senders,
        List<Slot> slots,
        Activity activity,
        List<PreparedTransaction> preparedTransactions,
        boolean pausable,
        Optional<WritePause> writePause,
        Optional<EndedPause> lastPause) {

    private static final String PAUSABLE =
            "coalesce(has_table_privilege(to_regclass('pgsidecar.write_pause'), 'SELECT'), false)";

    /** Asks which server this is, and nothing else: the answer decides whether anything else may be asked. */
    public static final String IDENTITY = """
            SELECT json_build_object(
              'system_identifier', (SELECT system_identifier::text FROM pg_control_system()),
              'version', current_setting('server_version_num')::int,
              'pausable', %s)""".formatted(PAUSABLE);

    /**
     * The statement for a server of this version. Its one row has one column of type json.
     *
     * @param pausable whether the table of write pauses is there
     */
    public static String sql(ServerVersion version, boolean pausable) {
        return """
                WITH here AS MATERIALIZED (
                  SELECT recovering, CASE WHEN recovering
                    THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
                    ELSE pg_current_wal_lsn() END AS position
                  FROM (SELECT pg_is_in_recovery() AS recovering OFFSET 0) AS r)
                SELECT json_build_object(
                  'server', %s,
                  'wal', %s,
                  'replay', %s,
                  'receiver', %s,
                  'senders', %s,
                  'slots', %s,
                  'activity', %s,
                  'prepared', %s,
                  'pausable', %s,
                  'pause', %s,
                  'last_pause', %s)
                FROM here""".formatted(
                        Server.sql(),
                        WalPositions.sql(),
                        Replay.sql(),
                        Receiver.sql(),
                        WalSender.sql(),
                        Slot.sql(version),
                        Activity.sql(version),
                        PreparedTransaction.sql(),
                        PAUSABLE,
                        pausable ? WritePause.sql() : "NULL",
                        pausable ? EndedPause.sql() : "NULL");
    }

    /** Reads what {@link #sql} answered. */
    public static Facts of(JsonObject row) {
        Fields fields = new Fields(row);
        Server server = Server.of(fields.object("server").orElseThrow());
        return new Facts(
                server,
                WalPositions.of(fields.object("wal").orElseThrow()),
                fields.object("replay").map(Replay::of),
                fields.object("receiver").map(Receiver::of),
                fields.list("senders", WalSender::of),
                fields.list("slots", Slot::of),
                Activity.of(fields.object("activity").orElseThrow(), server.seesAll()),
                fields.list("prepared", PreparedTransaction::of),
                fields.flag("pausable").orElseThrow(),
                fields.object("pause").map(WritePause::of),
                fields.object("last_pause").map(EndedPause::of));
    }
}
