package dev.pgsidecar.observe;

import dev.pgsidecar.postgres.Failure;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** What one tick saw: the instance, or why it could not be seen. Immutable all the way down. */
public sealed interface Observation {

    /** The moment it is the truth of: when the question was asked, or when the attempt had failed. */
    Moment at();

    /** How long the tick took. */
    Duration took();

    /** Whether it is the truth still: no older than {@code observe.stale-after}. */
    default boolean isFresh(Moment now, Duration staleAfter) {
        return at().ageAt(now).compareTo(staleAfter) <= 0;
    }

    /**
     * The server answered, and is the right one.
     *
     * @param connected when the session that asked was opened: until then the server surely took connections
     */
    record Answered(Moment at, Duration took, Instance instance, Moment connected) implements Observation {}

    /**
     * It did not, or is another one.
     *
     * @param controlFileModified when the server last wrote pg_control, where the agent can see that
     */
    record Unanswered(Moment at, Duration took, Failure failure, Optional<Instant> controlFileModified)
            implements Observation {}
}
