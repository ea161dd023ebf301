package dev.pgsidecar.writes;

import java.util.List;
import java.util.Optional;

/**
 * Whether nobody writes: judged by samples around the fence, none of which our own writes lie between.
 *
 * @param before taken before the fence
 * @param after taken after it, one after the other
 * @param everything whether all databases are paused, so that every transaction id counts
 */
record Proof(Sample before, List<Sample> after, boolean everything) {

    /** What speaks against it; empty if it is proved. */
    Optional<String> doubt() {
        for (Sample sample : after) {
            if (sample.sessions() > 0) {
                return Optional.of("%d sessions are there again".formatted(sample.sessions()));
            }
            if (sample.writers() > 0) {
                return Optional.of("%d transactions write".formatted(sample.writers()));
            }
            if (sample.prepared() > 0) {
                return Optional.of("%d prepared transactions could commit".formatted(sample.prepared()));
            }
            if (sample.connected() != before.connected()) {
                return Optional.of("somebody came in after the fence, and is gone again");
            }
        }
        long moved = after.getLast().nextXid() - after.getFirst().nextXid();
        return everything && moved > 0
                ? Optional.of("%d transaction ids were taken, %d autovacuum workers run"
                        .formatted(moved, after.getLast().autovacuum()))
                : Optional.empty();
    }

    /**
     * What was seen during a pause that breaks its guarantee: a session that came in although it was to be kept out, and
     * rows that were written since; a superuser's autovacuum at that moment looks the same, and is told as well.
     */
    static Optional<String> breach(Sample then, Sample now) {
        return now.connected() > then.connected() && now.changed() > then.changed()
                ? Optional.of("%d sessions came in, and %d rows were written since %s"
                        .formatted(now.connected() - then.connected(), now.changed() - then.changed(), then.at()))
                : Optional.empty();
    }
}
