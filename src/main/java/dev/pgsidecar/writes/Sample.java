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
 * @param nextXid the id after the newest one that a transaction of the whole server has ended with; a transaction that writes
 *     nothing to the WAL takes none
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
     * What the statistics count in the paused databases since the server was started. A session reports them at the latest
     * when it ends, before it leaves pg_stat_activity.
     *
     * @param connected the sessions of clients that have ever begun; a walsender and a background worker are not counted
     * @param committed the transactions that were ever committed; a session of any kind commits one when it begins, one that
     *     the connection limit refuses does not, and autovacuum does
     * @param changed the rows that were ever written
     * @param started when the server was started: a crash forgets the other three
     */
    record Counters(long connected, long committed, long changed, String started) {

        static Counters of(JsonObject json) {
            return new Counters(
                    json.getLong("connected", 0L),
                    json.getLong("committed", 0L),
                    json.getLong("changed", 0L),
                    json.getString("started"));
        }

        JsonObject json() {
            return new JsonObject()
                    .put("connected", connected)
                    .put("committed", committed)
                    .put("changed", changed)
                    .put("started", started);
        }
    }

    private static final String SQL = """
            SELECT json_build_object('sample', pgsidecar.pause_sample(pause), 'proved', proved_with)
            FROM pgsidecar.write_pause AS pause WHERE generation = $1::bigint""";

    static Sample take(Line line, long generation) throws PostgresException, InterruptedException {
        JsonObject row = line.json(SQL, generation);
        return of(row.getJsonObject("sample"), Optional.ofNullable(row.getJsonObject("proved")));
    }

    /** Reads what pgsidecar.pause_sample returns. */
    static Sample of(JsonObject sample, Optional<JsonObject> proved) {
        return new Sample(
                sample.getDouble("at"),
                sample.getLong("sessions"),
                sample.getLong("writers"),
                sample.getLong("prepared"),
                sample.getLong("outside"),
                sample.getLong("next_xid"),
                sample.getLong("autovacuum"),
                Counters.of(sample.getJsonObject("counters")),
                proved.map(Counters::of));
    }

    /** As pgsidecar.pause_sample returns it. */
    JsonObject row() {
        return new JsonObject()
                .put("at", at)
                .put("sessions", sessions)
                .put("writers", writers)
                .put("prepared", prepared)
                .put("outside", outside)
                .put("next_xid", nextXid)
                .put("autovacuum", autovacuum)
                .put("counters", counters.json());
    }

    /** As an operation's result has it. */
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
                .put("commitsEver", counters.committed())
                .put("rowsEver", counters.changed());
    }
}
