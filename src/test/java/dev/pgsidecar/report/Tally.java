package dev.pgsidecar.report;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** What has happened so far in one test class; counts invocations, as the XML reports do. */
final class Tally {

    /** A test, or a whole class where it has no method, that was not run. */
    record Skipped(String test, String reason) {}

    private final String name;
    private final List<Skipped> skipped = new ArrayList<>();
    private long began = System.nanoTime();
    private Duration time = Duration.ZERO;
    private int passed;
    private int failed;

    Tally(String name) {
        this.name = name;
    }

    synchronized void begin() {
        began = System.nanoTime();
    }

    synchronized void end() {
        time = Duration.ofNanos(System.nanoTime() - began);
    }

    synchronized void pass() {
        passed++;
    }

    synchronized void fail() {
        failed++;
    }

    synchronized void skip(Skipped test) {
        skipped.add(test);
    }

    /** As it is now. */
    synchronized ClassResult result() {
        return new ClassResult(name, time, passed, failed, List.copyOf(skipped));
    }
}
