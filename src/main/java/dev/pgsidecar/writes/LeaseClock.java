package dev.pgsidecar.writes;

import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.postgres.catalog.WritePause;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * Judges whether a lease has run out, by two clocks that both have to say so: the server's, which is in the record, and this
 * agent's monotonic one since it first saw that expiry. So neither a clock that was set forward nor one that stood still
 * ends a lease early.
 */
final class LeaseClock {

    private final Duration atLeast;
    private Optional<Seen> seen = Optional.empty();

    private record Seen(long generation, Instant expires, long overAt) {}

    /** @param atLeast how long an agent that has just begun waits, whatever the record says */
    LeaseClock(Duration atLeast) {
        this.atLeast = atLeast;
    }

    /**
     * Whether it is over.
     *
     * @param observed when the record was read
     * @param now the moment to judge
     */
    boolean over(WritePause pause, Moment observed, Moment now) {
        if (seen.filter(last -> last.generation() == pause.generation()
                        && last.expires().equals(pause.expires()))
                .isEmpty()) {
            Duration left = pause.left().compareTo(atLeast) > 0 ? pause.left() : atLeast;
            seen = Optional.of(new Seen(pause.generation(), pause.expires(), observed.nanos() + left.toNanos()));
        }
        return !pause.left().isPositive() && now.nanos() - seen.get().overAt() >= 0;
    }
}
