package dev.pgsidecar.bench;

import dev.pgsidecar.observe.HostClock;
import dev.pgsidecar.observe.Moment;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/** A clock that a test stops, or sets forward. It counts how often the agent has read it. */
public final class TestClock implements HostClock {

    private final AtomicLong reads = new AtomicLong();
    private volatile Optional<Moment> stoppedAt = Optional.empty();
    private volatile Duration ahead = Duration.ZERO;

    /** From now on it shows this moment. */
    public void stop() {
        stoppedAt = Optional.of(Moment.now());
    }

    /** It goes again, so much ahead of the host's. */
    public void go(Duration soMuchAhead) {
        ahead = soMuchAhead;
        stoppedAt = Optional.empty();
    }

    /** How often it was read. */
    public long reads() {
        return reads.get();
    }

    @Override
    public Moment now() {
        reads.incrementAndGet();
        Moment real = Moment.now();
        return stoppedAt.orElseGet(() -> new Moment(real.wall().plus(ahead), real.nanos() + ahead.toNanos()));
    }
}
