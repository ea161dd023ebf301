package dev.pgsidecar.observe;

import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.Receiver;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * What a replica knows of its upstream, carried from one observation to the next: PostgreSQL forgets it with the WAL
 * receiver, and a cut link must not look like no lag. Times are by the replica's clock.
 *
 * @param end the end of the upstream's WAL, as its last message told it
 * @param lastMessage when that message arrived
 * @param caughtUp when the replica had last replayed all that it knew of
 */
public record Upstream(Optional<Lsn> end, Optional<Instant> lastMessage, Optional<Instant> caughtUp) {

    static final Upstream NONE = new Upstream(Optional.empty(), Optional.empty(), Optional.empty());

    private static final Duration NOTHING_TO_SEND = Duration.ofSeconds(2);

    /** What is known after these facts, given what was known before. */
    static Upstream after(Upstream before, Facts facts) {
        if (!facts.server().inRecovery()) {
            return NONE;
        }
        // Only a streaming receiver has heard something: a fresh one shows the time of its own start.
        Optional<Receiver> heard = facts.receiver().filter(Receiver::streaming);
        Optional<Lsn> end = heard.flatMap(receiver -> told(receiver, facts)).or(before::end);
        Optional<Instant> lastMessage = heard.flatMap(Receiver::lastMessage).or(before::lastMessage);
        boolean caughtUp = heard.isPresent()
                && end.isPresent()
                && isAt(end.get(), facts.wal().replay());
        return new Upstream(
                end, lastMessage, caughtUp ? Optional.of(facts.server().now()) : before.caughtUp());
    }

    /**
     * An upstream that has something sends it at once. One that has nothing says nothing, for up to half of
     * wal_receiver_timeout: then the beginning of the stream was its word.
     */
    private static Optional<Lsn> told(Receiver receiver, Facts facts) {
        Optional<Lsn> received = facts.wal().receive();
        if (receiver.latestEnd().isPresent()) {
            return receiver.latestEnd().map(latest -> received.map(latest::max).orElse(latest));
        }
        return received.filter(start -> receiver.lastMessage()
                .filter(began -> Duration.between(began, facts.server().now()).compareTo(NOTHING_TO_SEND) >= 0)
                .isPresent());
    }

    static boolean isAt(Lsn end, Optional<Lsn> replay) {
        return replay.isPresent() && replay.get().compareTo(end) >= 0;
    }
}
