package dev.pgsidecar.cli;

import java.io.PrintStream;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/** A line that is written over while it changes; where nobody sits at a terminal, a new one now and then. */
final class LiveLine {

    private static final long NOW_AND_THEN = TimeUnit.SECONDS.toNanos(10);

    private final PrintStream out;
    private final boolean terminal;
    private final LongSupplier nanos;
    private boolean open;
    private boolean shown;
    private long last;

    LiveLine(PrintStream out, boolean terminal, LongSupplier nanos) {
        this.out = out;
        this.terminal = terminal;
        this.nanos = nanos;
    }

    static LiveLine onErrors() {
        return new LiveLine(
                System.err, System.console() != null && System.console().isTerminal(), System::nanoTime);
    }

    void show(String line) {
        if (terminal) {
            out.print("\r" + line + "\033[K");
            out.flush();
            open = true;
        } else if (!shown || nanos.getAsLong() - last >= NOW_AND_THEN) {
            out.println(line);
            shown = true;
            last = nanos.getAsLong();
        }
    }

    /** What is written next begins a line. */
    void end() {
        if (open) {
            out.println();
        }
        open = false;
        shown = false;
    }
}
