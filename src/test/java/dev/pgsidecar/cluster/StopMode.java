package dev.pgsidecar.cluster;

/** How a server is asked to shut down: PostgreSQL's three shutdown modes. */
public enum StopMode {
    /** Waits for every session to end by itself. */
    SMART("TERM"),
    /** Ends sessions, writes a checkpoint; standbys receive all WAL first. */
    FAST("INT"),
    /** Ends without a checkpoint; the next start runs crash recovery. */
    IMMEDIATE("QUIT");

    private final String signal;

    StopMode(String signal) {
        this.signal = signal;
    }

    String signal() {
        return signal;
    }
}
