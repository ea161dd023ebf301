package dev.pgsidecar.cluster;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** Waits for something outside this process by asking again and again. */
final class Await {
    private static final Duration PAUSE = Duration.ofMillis(20);

    private Await() {}

    /**
     * Returns as soon as the condition holds.
     *
     * @param message what was awaited and how things stood instead; asked for after the timeout only
     * @throws BenchException after the timeout, or when the thread is interrupted
     */
    static void until(Duration timeout, BooleanSupplier condition, Supplier<String> message) {
        long deadline = System.nanoTime() + timeout.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - deadline > 0) {
                throw new BenchException("not within " + timeout.toMillis() + " ms: " + message.get());
            }
            if (Thread.currentThread().isInterrupted()) {
                throw new BenchException("interrupted while waiting: " + message.get());
            }
            LockSupport.parkNanos(PAUSE.toNanos());
        }
    }
}
