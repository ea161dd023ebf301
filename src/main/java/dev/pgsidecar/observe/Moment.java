package dev.pgsidecar.observe;

import java.time.Duration;
import java.time.Instant;

/**
 * A point in time on both clocks of this host: the wall's, for people, and the monotonic one, for ages.
 *
 * @param nanos {@link System#nanoTime()}
 */
public record Moment(Instant wall, long nanos) {

    public static Moment now() {
        return new Moment(Instant.now(), System.nanoTime());
    }

    /**
     * How much older this is than the other moment, by the clock that says more: the monotonic one stands still while a
     * virtual machine sleeps, the wall's can be set back.
     */
    public Duration ageAt(Moment later) {
        Duration ticked = Duration.ofNanos(later.nanos - nanos);
        Duration shown = Duration.between(wall, later.wall);
        return ticked.compareTo(shown) >= 0 ? ticked : shown;
    }
}
