package dev.pgsidecar.observe;

import dev.pgsidecar.config.Settings;
import java.time.Duration;

/**
 * How long to wait before the next tick: the interval while the server answers; while it does not, twice as long each
 * time, with jitter, but never so long that the last observation would go stale on its own.
 */
record Backoff(Duration interval, Duration longest) {

    private static final double JITTER = 0.2;

    static Backoff of(Settings.Observe observe) {
        Duration quarter = observe.staleAfter().dividedBy(4);
        return new Backoff(
                observe.interval(), quarter.compareTo(observe.interval()) > 0 ? quarter : observe.interval());
    }

    /**
     * The pause before the next attempt.
     *
     * @param failures how many attempts failed in a row
     * @param random from 0 to 1
     */
    Duration after(int failures, double random) {
        if (failures == 0) {
            return interval;
        }
        long doubled = interval.toNanos() << Math.min(failures - 1, 20);
        long capped = Math.min(doubled, longest.toNanos());
        return Duration.ofNanos((long) (capped * (1 - JITTER + 2 * JITTER * random)));
    }
}
