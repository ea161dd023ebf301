package dev.pgsidecar.writes;

import dev.pgsidecar.postgres.Line;
import dev.pgsidecar.postgres.PostgresException;
import io.vertx.core.json.JsonObject;

/**
 * One look at a paused server, for the proof that nobody writes.
 *
 * @param sessions how many sessions there are in the paused databases that could write
 * @param writers how many of the sessions there, of any kind but autovacuum, have a transaction id: they have written
 * @param prepared the prepared transactions there
 * @param nextXid the next transaction id of the whole server; a nextval or a hint bit does not move it
 * @param autovacuum the autovacuum workers of the whole server; an ANALYZE takes a transaction id
 * @param connected how many sessions have ever begun in these databases, as the statistics count them
 * @param changed how many rows were ever written in them, as the statistics count them
 */
record Sample(
        String at,
        long sessions,
        long writers,
        long prepared,
        long nextXid,
        long autovacuum,
        long connected,
        long changed) {

    private static final String SQL = """
            SELECT json_build_object(
              'at', clock_timestamp(),
              'sessions', (SELECT count(*) FROM pgsidecar.sessions_in_scope(pause)),
              'writers', (SELECT count(*) FROM pg_stat_activity
                          WHERE datid = ANY (oids) AND backend_xid IS NOT NULL AND backend_type <> 'autovacuum worker'),
              'prepared', (SELECT count(*) FROM pg_prepared_xacts JOIN pg_database ON datname = database
                           WHERE pg_database.oid = ANY (oids)),
              'nextXid', pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
              'autovacuum', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'),
              'connected', (SELECT sum(sessions)::bigint FROM pg_stat_database WHERE datid = ANY (oids)),
              'changed', (SELECT sum(tup_inserted + tup_updated + tup_deleted)::bigint FROM pg_stat_database
                          WHERE datid = ANY (oids)))
            FROM pgsidecar.write_pause AS pause,
                 LATERAL (SELECT array_agg((entry ->> 'oid')::oid) AS oids FROM jsonb_array_elements(previous) AS entry) AS o
            WHERE generation = $1::bigint""";

    static Sample take(Line line, long generation) throws PostgresException, InterruptedException {
        JsonObject row = line.json(SQL, generation);
        return new Sample(
                row.getString("at"),
                row.getLong("sessions"),
                row.getLong("writers"),
                row.getLong("prepared"),
                row.getLong("nextXid"),
                row.getLong("autovacuum"),
                row.getLong("connected", 0L),
                row.getLong("changed", 0L));
    }

    JsonObject json() {
        return new JsonObject()
                .put("at", at)
                .put("sessions", sessions)
                .put("writers", writers)
                .put("preparedTransactions", prepared)
                .put("nextXid", nextXid)
                .put("autovacuumWorkers", autovacuum)
                .put("sessionsEver", connected)
                .put("rowsEver", changed);
    }
}
