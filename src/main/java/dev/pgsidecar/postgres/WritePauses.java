package dev.pgsidecar.postgres;

import dev.pgsidecar.postgres.catalog.WritePause;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The functions of deploy/sql/install.sql that pause writes and undo it: each is one transaction, which records what it
 * changes.
 */
public final class WritePauses {

    private final Line line;

    public WritePauses(Line line) {
        this.line = line;
    }

    /**
     * What a function answered.
     *
     * @param why what kept it from doing so; empty if it was done
     */
    public record Done(boolean done, boolean changed, String why, JsonObject record) {

        static Done of(JsonObject answer) {
            boolean done = answer.getBoolean("done");
            return new Done(
                    done,
                    done && answer.getBoolean("changed", true),
                    done ? "" : answer.getString("why", ""),
                    Optional.ofNullable(answer.getJsonObject("record")).orElse(new JsonObject()));
        }

        /** The number of the pause that it is about. */
        public long generation() {
            return record.getLong("generation", 0L);
        }

        /** The values that were changed during the pause, and that resume has left alone. */
        public List<String> kept() {
            return Optional.ofNullable(record.getJsonArray("kept"))
                    .map(values -> values.stream().map(Object::toString).toList())
                    .orElse(List.of());
        }
    }

    /**
     * The sessions that were told to end.
     *
     * @param active whether the pause goes on
     * @param exempt those of them that a connection limit does not keep from coming back: superusers' and walsenders
     * @param first the first twenty of them
     * @param starting processes that are on their way in; those of the first look may have passed the limit before it was set
     */
    public record Terminated(
            boolean active, long sessions, long exempt, List<JsonObject> first, Set<Integer> starting) {}

    /** The active pause, if there is one. */
    public Optional<WritePause> active() throws PostgresException, InterruptedException {
        return line.facts().writePause();
    }

    /**
     * Records a pause and closes the databases.
     *
     * @param databases absent for all but the agent's own
     */
    public Done pause(
            String node,
            Optional<List<String>> databases,
            String method,
            Duration ttl,
            String operation,
            String by,
            String reason)
            throws PostgresException, InterruptedException {
        return done(
                "SELECT pgsidecar.pause_writes($1::text, $2::text[]::name[], $3::text,"
                        + " make_interval(secs => $4::float8), $5::text, $6::text, $7::text)",
                node,
                databases.map(names -> names.toArray(String[]::new)).orElse(null),
                method,
                seconds(ttl),
                operation,
                by,
                reason);
    }

    /** Ends the sessions that are in the way; after the pause, those that began in it. */
    public Terminated terminateSessions(long generation) throws PostgresException, InterruptedException {
        JsonObject answer = line.json("SELECT pgsidecar.terminate_sessions($1::bigint)", generation);
        return answer.getBoolean("done")
                ? new Terminated(
                        answer.getBoolean("active"),
                        answer.getLong("sessions"),
                        answer.getLong("exempt"),
                        answer.getJsonArray("first").stream()
                                .map(JsonObject.class::cast)
                                .toList(),
                        answer.getJsonArray("starting").stream()
                                .map(Integer.class::cast)
                                .collect(Collectors.toSet()))
                : new Terminated(false, 0, 0, List.of(), Set.of());
    }

    /** Writes a record into the WAL that no application's record can lie behind while nobody writes; where it ends. */
    public Lsn fence(long generation) throws PostgresException, InterruptedException {
        return Lsn.parse(line.json(
                        "SELECT json_build_object('at', pg_logical_emit_message(true, 'pgsidecar', $1::text))",
                        "" + generation)
                .getString("at"));
    }

    /**
     * What became of a proof.
     *
     * @param moved the sample of now, if it differs from the last one of the proof: then nothing was recorded
     */
    public record Recorded(Done done, Optional<JsonObject> moved) {}

    /**
     * Records a proof, unless the server has moved since its last sample.
     *
     * @param counters what a later breach is judged by
     * @param last the last sample, as pgsidecar.pause_sample returns it
     */
    public Recorded recordProof(long generation, Lsn finalLsn, String guarantee, JsonObject counters, JsonObject last)
            throws PostgresException, InterruptedException {
        JsonObject answer = noteProof(generation, finalLsn.toString(), guarantee, counters.encode(), last.encode());
        return new Recorded(Done.of(answer), Optional.ofNullable(answer.getJsonObject("sample")));
    }

    /** Records that a session may have written after the proof. */
    public void recordBreach(long generation) throws PostgresException, InterruptedException {
        noteProof(generation, null, WritePause.BROKEN, null, null);
    }

    private JsonObject noteProof(long generation, String finalLsn, String guarantee, String counters, String last)
            throws PostgresException, InterruptedException {
        return line.json(
                "SELECT pgsidecar.note_proof($1::bigint, $2::text::pg_lsn, $3::text, $4::text::jsonb, $5::text::jsonb)",
                generation,
                finalLsn,
                guarantee,
                counters,
                last);
    }

    /** From now on the lease has so long. */
    public Done renew(long generation, Duration ttl) throws PostgresException, InterruptedException {
        return done(
                "SELECT pgsidecar.renew_lease($1::bigint, make_interval(secs => $2::float8))",
                generation,
                seconds(ttl));
    }

    /** Hands over to a node. */
    public Done commit(long generation, String target) throws PostgresException, InterruptedException {
        return done("SELECT pgsidecar.commit_hand_over($1::bigint, $2::text)", generation, target);
    }

    /**
     * Puts back what was before.
     *
     * @param how a word for the history; {@code expired} does it only if the lease has run out by the server's clock
     */
    public Done resume(long generation, String how) throws PostgresException, InterruptedException {
        return done("SELECT pgsidecar.resume_writes($1::bigint, $2::text)", generation, how);
    }

    private Done done(String sql, Object... values) throws PostgresException, InterruptedException {
        return Done.of(line.json(sql, values));
    }

    private static double seconds(Duration duration) {
        return duration.toMillis() / 1000.0;
    }
}
