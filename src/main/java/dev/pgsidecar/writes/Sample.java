package dev.pgsidecar.writes;

import dev.pgsidecar.postgres.Line;
import dev.pgsidecar.postgres.PostgresException;
import io.vertx.core.json.JsonObject;
import java.util.Optional;

/**
 * One look at a paused server, for the proof that nobody writes.
 *
 * @param at the server's clock, in seconds since 1970
 * @param sessions how many sessions there are in the paused databases that could write
 * @param writers how many of the processes there, of any kind but autovacuum, have a transaction id: they have written
 * @param prepared the prepared transactions there
 * @param outside the databases that are open although all should be paused: made since
 * @param nextXid the next transaction id of the whole server; a nextval or a hint bit does not move it
 * @param autovacuum the autovacuum workers of the whole server; an ANALYZE takes a transaction id
 * @param counters what the statistics have counted
 * @param proved the same at the proof; absent before it
 */
record Sample(
        double at,
        long sessions,
        long writers,
        long prepared,
        long outside,
        long nextXid,
        long autovacuum,
        Counters counters,
        Optional<Counters> proved) {

    /**
     * What the statistics count in the paused databases since the server was started.
     *
     * @param connected the sessions that have ever begun
     * @param changed the rows that were ever written
     * @param started when the server was started: a crash forgets the other two
     */
    record Counters(long connected, long changed, String started) {

        static Counters of(JsonObject json) {
            return new Counters(json.getLong("connected", 0L), json.getLong("changed", 0L), json.getString("started"));
        }

        JsonObject json() {
            return new JsonObject()
                    .put("connected", connected)
                    .put("changed", changed)
                    .put("started", started);
        }
    }

    private static final String SQL = """
            SELECT json_build_object(
              'at', extract(epoch FROM clock_timestamp())::float8,
              'sessions', (SELECT count(*) FROM pgsidecar.sessions_in_scope(pause)),
              'writers', (SELECT count(*) FROM pg_stat_activity
                          WHERE datid = ANY (oids) AND backend_xid IS NOT NULL AND backend_type <> 'autovacuum worker'),
              'prepared', (SELECT count(*) FROM pg_prepared_xacts JOIN pg_database ON datname = database
                           WHERE pg_database.oid = ANY (oids)),
              'outside', (SELECT count(*) FROM pg_database
                          WHERE all_databases AND oid <> ALL (oids) AND datname NOT IN ('template0', current_database())
                            AND datconnlimit <> -2),
              'nextXid', pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
              'autovacuum', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'),
              'counters', (SELECT json_build_object('connected', coalesce(sum(sessions), 0)::bigint,
                               'changed', coalesce(sum(tup_inserted + tup_updated + tup_deleted), 0)::bigint,
                               'started', extract(epoch FROM pg_postmaster_start_time())::text)
                           FROM pg_stat_database WHERE datid = ANY (oids)),
              'proved', proved_with)
            FROM pgsidecar.write_pause AS pause,
                 LATERAL (SELECT array_agg((entry ->> 'oid')::oid) AS oids FROM jsonb_array_elements(previous) AS entry) AS o
            WHERE generation = $1::bigint""";

    static Sample take(Line line, long generation) throws PostgresException, InterruptedException {
        JsonObject row = line.json(SQL, generation);
        return new Sample(
                row.getDouble("at"),
                row.getLong("sessions"),
                row.getLong("writers"),
                row.getLong("prepared"),
                row.getLong("outside"),
                row.getLong("nextXid"),
                row.getLong("autovacuum"),
                Counters.of(row.getJsonObject("counters")),
                Optional.ofNullable(row.getJsonObject("proved")).map(Counters::of));
    }

    JsonObject json() {
        return new JsonObject()
                .put("at", at)
                .put("sessions", sessions)
                .put("writers", writers)
                .put("preparedTransactions", prepared)
                .put("databasesOutside", outside)
                .put("nextXid", nextXid)
                .put("autovacuumWorkers", autovacuum)
                .put("sessionsEver", counters.connected())
                .put("rowsEver", counters.changed());
    }
}
