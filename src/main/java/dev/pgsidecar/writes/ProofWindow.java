package dev.pgsidecar.writes;

import java.time.Duration;

/**
 * How long the proof watches the server after the WAL marker. The proof shows that no transaction wrote in that time; the time
 * is long enough for a client to come back whose session the pause has ended and which the connection limit does not refuse.
 *
 * @param length from the first sample after the marker to the last one
 */
record ProofWindow(Duration length) {

    /** The samples after the marker. */
    static final int SAMPLES = 5;

    /** The connection limit refuses every client that the pause knows of. */
    static final Duration SHORT = Duration.ofMillis(80);

    /** A client that connects again at once needs 20 to 400 ms until its next commit, on an idle and on a busy machine. */
    static final Duration LONG = Duration.ofMillis(500);

    /** @param exempt whether sessions were ended that the pause does not keep from coming back */
    static ProofWindow first(boolean exempt) {
        return new ProofWindow(exempt ? LONG : SHORT);
    }

    /**
     * The window of the next attempt. It doubles each time that a session came in and wrote: a client that does so again and
     * again must not be proved absent because one of many attempts fell into the time that it needed to connect.
     *
     * @param came whether a client's session began during this attempt
     * @param wrote whether a transaction wrote during this attempt
     */
    ProofWindow next(boolean came, boolean wrote) {
        if (!came) {
            return this;
        }
        Duration wanted = wrote ? length.multipliedBy(2) : length;
        return new ProofWindow(wanted.compareTo(LONG) < 0 ? LONG : wanted);
    }

    Duration betweenSamples() {
        return length.dividedBy(SAMPLES - 1);
    }
}
