package dev.pgsidecar.writes;

import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.postgres.Line;
import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.WritePauses;
import dev.pgsidecar.postgres.WritePauses.Recorded;
import dev.pgsidecar.postgres.catalog.WritePause;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Writes the WAL marker, watches the server, and records the proof that no transaction wrote between the two: again, until no
 * sample speaks against it.
 */
final class Prover {

    /** Autovacuum takes transaction ids now and then, and a superuser's monitoring may connect once a second. */
    private static final Duration TO_PROVE = Duration.ofSeconds(15);

    private static final String NOT_PROVED = "it could not be proved that nobody writes: ";

    private static final Duration BEFORE_NEXT_ATTEMPT = Duration.ofMillis(20);

    private final Line line;
    private final WritePauses pauses;
    private final WritePause pause;
    private final Surroundings surroundings;

    /** What the prover needs of the operation that it is a part of. */
    interface Surroundings {

        /** The monotonic clock, in nanoseconds. */
        long nanoTime();

        /** Waits; see {@link dev.pgsidecar.operation.Run#rest}. */
        void rest(Duration howLong) throws StepFailed, InterruptedException;

        /** Ends the sessions that have come in. */
        void endSessions() throws StepFailed, PostgresException, InterruptedException;
    }

    /**
     * A proof that is recorded.
     *
     * @param attempts how many it took
     * @param samples those of the last attempt; the first was taken before the marker
     */
    record Proved(Lsn finalLsn, int attempts, List<Sample> samples) {

        JsonObject json() {
            JsonArray array = new JsonArray();
            samples.forEach(sample -> array.add(sample.json()));
            return new JsonObject().put("rounds", attempts).put("samples", array);
        }
    }

    Prover(Line line, WritePauses pauses, WritePause pause, Surroundings surroundings) {
        this.line = line;
        this.pauses = pauses;
        this.pause = pause;
        this.surroundings = surroundings;
    }

    /**
     * Proves it.
     *
     * @param guarantee what the record says of it
     * @throws StepFailed if something speaks against it for too long, or if the pause has ended
     */
    Proved prove(ProofWindow first, String guarantee) throws StepFailed, PostgresException, InterruptedException {
        long end = surroundings.nanoTime() + TO_PROVE.toNanos();
        ProofWindow window = first;
        Sample since = sample();
        long ownIds = 0;
        for (int attempt = 1; ; attempt++) {
            Sample before = sample();
            Lsn finalLsn = pauses.fence(pause.generation());
            ownIds++;
            Proof proof = watch(before, window);
            Optional<String> doubt = proof.doubt();
            boolean refused = false;
            if (doubt.isEmpty()) {
                Optional<Sample> moved = record(finalLsn, guarantee, proof.last());
                if (moved.isEmpty()) {
                    List<Sample> samples = new ArrayList<>(List.of(before));
                    samples.addAll(proof.after());
                    return new Proved(finalLsn, attempt, List.copyOf(samples));
                }
                refused = true;
                proof = proof.with(moved.get());
                doubt = proof.doubt().or(() -> Optional.of("the server changed after the last sample"));
            }
            if (proof.prepared()) {
                throw StepFailed.because(
                        NOT_PROVED + doubt.get(), "COMMIT PREPARED or ROLLBACK PREPARED each, then order it again");
            }
            window = window.next(proof.came(since), proof.wrote(since, ownIds));
            if (surroundings.nanoTime() + window.length().toNanos() - end > 0) {
                throw StepFailed.because(
                        NOT_PROVED + doubt.get(),
                        "stop what comes back (pg_stat_activity; the agent's log names it), or use method close, which keeps"
                                + " superusers out too; then order it again");
            }
            since = proof.last();
            ownIds = refused ? 1 : 0; // the refused record has taken the id that its sample shows as the next one
            surroundings.endSessions();
            surroundings.rest(BEFORE_NEXT_ATTEMPT);
        }
    }

    /** Samples until the window has passed, or until one speaks against the proof. */
    private Proof watch(Sample before, ProofWindow window) throws StepFailed, PostgresException, InterruptedException {
        Proof proof = new Proof(before, List.of(sample()), pause.allDatabases());
        while (proof.after().size() < ProofWindow.SAMPLES && proof.doubt().isEmpty()) {
            surroundings.rest(window.betweenSamples());
            proof = proof.with(sample());
        }
        return proof;
    }

    /** The sample of now, if the server has moved since the last one. */
    private Optional<Sample> record(Lsn finalLsn, String guarantee, Sample last)
            throws StepFailed, PostgresException, InterruptedException {
        Recorded recorded = pauses.recordProof(
                pause.generation(), finalLsn, guarantee, last.counters().json(), last.row());
        if (!recorded.done().done() && recorded.moved().isEmpty()) {
            throw StepFailed.because("the lease ran out during the proof", "order it again with a longer ttl");
        }
        return recorded.moved().map(sample -> Sample.of(sample, Optional.empty()));
    }

    private Sample sample() throws PostgresException, InterruptedException {
        return Sample.take(line, pause.generation());
    }
}
