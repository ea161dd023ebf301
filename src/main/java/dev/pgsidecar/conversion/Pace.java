package dev.pgsidecar.conversion;

import dev.pgsidecar.postgres.ConversionWork.Effort;
import java.time.Duration;

/**
 * How fast rows are gone through: so many that they are locked for about 20 ms, and after each batch some time that belongs to
 * the clients alone: a fixed part where nobody writes, and three quarters while somebody does.
 *
 * @param most so many rows are taken next
 * @param rest so long nothing is done before
 * @param transaction the number of the last one
 */
record Pace(long most, Duration rest, long transaction) {

    static final Pace FIRST = new Pace(200, Duration.ZERO, Long.MAX_VALUE);

    private static final Duration BATCH = Duration.ofMillis(20);
    private static final Duration SHORTEST = Duration.ofMillis(2);

    private static final long SMALLEST_BATCH = 10;
    private static final long LARGEST_BATCH = 20_000;

    /** After a batch. */
    Pace after(Effort effort) {
        double faster = Math.clamp(BATCH.toNanos() / (double) effort.took().toNanos(), 0.2, 2.0);
        boolean othersWrite = effort.transaction() - transaction > 1;
        Duration longer = effort.took().multipliedBy(3);
        Duration rest = othersWrite && longer.compareTo(SHORTEST) > 0 ? longer : SHORTEST;
        return new Pace(
                Math.clamp(Math.round(most * faster), SMALLEST_BATCH, LARGEST_BATCH), rest, effort.transaction());
    }
}
