package dev.pgsidecar.writes;

import dev.pgsidecar.writes.Sample.Counters;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Whether no transaction writes: judged by samples around the WAL marker (the fence), between which the agent writes nothing
 * else.
 *
 * @param before taken before the fence
 * @param after taken after it, one after the other
 * @param everything whether all databases are paused, so that every transaction id counts
 */
record Proof(Sample before, List<Sample> after, boolean everything) {

    /** What speaks against it; empty if it is proved. */
    Optional<String> doubt() {
        return somebody(before)
                .or(() -> after.stream()
                        .flatMap(sample -> somebody(sample).stream())
                        .findFirst())
                .or(this::restarted)
                .or(this::visitor)
                .or(everything ? this::transactionIds : this::commits);
    }

    /** The same proof with one sample more. */
    Proof with(Sample next) {
        List<Sample> samples = new ArrayList<>(after);
        samples.add(next);
        return new Proof(before, List.copyOf(samples), everything);
    }

    Sample last() {
        return after.getLast();
    }

    /** Whether a transaction is prepared: it stays, as the pause refuses the session that could end it. */
    boolean prepared() {
        return before.prepared() > 0 || after.stream().anyMatch(sample -> sample.prepared() > 0);
    }

    /** Whether a client's session began since an earlier sample. */
    boolean came(Sample since) {
        return last().counters().connected() > since.counters().connected();
    }

    /**
     * Whether another transaction than the agent's own wrote since an earlier sample.
     *
     * @param ownIds the transaction ids that the agent has taken since
     */
    boolean wrote(Sample since, long ownIds) {
        return everything
                ? last().nextXid() - since.nextXid() > ownIds
                : last().counters().changed() > since.counters().changed();
    }

    private static Optional<String> somebody(Sample sample) {
        if (sample.sessions() > 0) {
            return Optional.of("%d sessions are there again".formatted(sample.sessions()));
        }
        if (sample.writers() > 0) {
            return Optional.of("%d transactions write".formatted(sample.writers()));
        }
        if (sample.prepared() > 0) {
            return Optional.of("%d prepared transactions could commit".formatted(sample.prepared()));
        }
        return sample.outside() > 0
                ? Optional.of("%d databases were made since, and are open".formatted(sample.outside()))
                : Optional.empty();
    }

    private Optional<String> visitor() {
        return after.stream()
                        .anyMatch(sample -> sample.counters().connected()
                                != before.counters().connected())
                ? Optional.of("somebody came in after the fence, and is gone again")
                : Optional.empty();
    }

    private Optional<String> restarted() {
        return after.stream().anyMatch(sample -> !sample.counters()
                        .started()
                        .equals(before.counters().started()))
                ? Optional.of("the server was restarted")
                : Optional.empty();
    }

    /** A walsender or a background worker that came and went: no session counter has it. */
    private Optional<String> commits() {
        long moved = last().counters().committed() - before.counters().committed();
        return moved == 0
                ? Optional.empty()
                : Optional.of("%d transactions were committed, %d autovacuum workers run"
                        .formatted(moved, last().autovacuum()));
    }

    private Optional<String> transactionIds() {
        long around = after.getFirst().nextXid() - before.nextXid() - 1; // the fence has taken one
        long moved = after.getLast().nextXid() - after.getFirst().nextXid() + Math.max(0, around);
        return moved > 0
                ? Optional.of("%d transaction ids were taken, %d autovacuum workers run"
                        .formatted(moved, after.getLast().autovacuum()))
                : Optional.empty();
    }

    /**
     * What was seen during a pause that breaks its guarantee: a session that came in although it was to be kept out, and rows
     * that were written at about that time. An ANALYZE at that moment looks the same, and is told as well.
     *
     * @param then the counters of the proof, or of some seconds ago
     * @param uncounted whether a session that no session counter has, a walsender, was there since
     * @param closed whether nobody at all can come in, so that a restart of the server hides nobody
     */
    static Optional<String> breach(Counters then, Sample now, boolean uncounted, boolean closed) {
        if (now.outside() > 0) {
            return Optional.of("%d databases were made since, and are open".formatted(now.outside()));
        }
        Counters counters = now.counters();
        if (!counters.started().equals(then.started())) {
            return closed
                    ? Optional.empty()
                    : Optional.of("the server was restarted, and nobody knows who came in before the agent was back");
        }
        return (uncounted || counters.connected() > then.connected()) && counters.changed() > then.changed()
                ? Optional.of("%d sessions came in, and %d rows were written"
                        .formatted(counters.connected() - then.connected(), counters.changed() - then.changed()))
                : Optional.empty();
    }
}
