package dev.pgsidecar.probe;

import dev.pgsidecar.config.ByteSize;
import dev.pgsidecar.config.Settings;
import java.time.Duration;

/**
 * What probes judge by.
 *
 * @param name this instance's name, by which its upstream may know it
 * @param staleAfter older observations are not the truth any more
 * @param deadAfter an observer's loop that did not go round for so long is stuck: more than its slowest round takes
 * @param peerWait how long an agent that has begun asks its peers before a primary is called one
 * @param maxLag the lag that {@code /replica} bears unless asked for another
 * @param maxSilence how long the upstream's last word counts
 * @param rise how many good observations in a row bring a replica in
 * @param fall how many bad ones in a row take it out
 */
record Limits(
        String name,
        Duration staleAfter,
        Duration deadAfter,
        Duration peerWait,
        ByteSize maxLag,
        Duration maxSilence,
        int rise,
        int fall) {

    private static final Duration CLOSING = Duration.ofSeconds(10);

    /** Connecting with and without TLS, the identity and the facts, and all that once more. */
    private static final int SLOWEST_ROUND = 8;

    static Limits of(Settings settings) {
        Settings.Observe observe = settings.observe();
        Settings.Replica replica = settings.probe().replica();
        return new Limits(
                settings.instanceName(),
                observe.staleAfter(),
                observe.staleAfter()
                        .plus(observe.interval())
                        .plus(observe.timeout().multipliedBy(SLOWEST_ROUND)),
                settings.peerWait(),
                replica.maxLag(),
                replica.maxSilence(),
                replica.rise(),
                replica.fall());
    }
}
