package dev.pgsidecar.observe;

import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.Receiver;
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

    /** What is known after these facts, given what was known before. */
    static Upstream after(Upstream before, Facts facts) {
        if (!facts.server().inRecovery()) {
            return NONE;
        }
        // Only a streaming receiver has heard something: a fresh one shows the time of its own start.
        Optional<Receiver> heard = facts.receiver().filter(Receiver::streaming);
        Optional<Lsn> end = heard.flatMap(Receiver::latestEnd)
                .map(latest -> facts.wal().receive().map(latest::max).orElse(latest))
                .or(before::end);
        Optional<Instant> lastMessage = heard.flatMap(Receiver::lastMessage).or(before::lastMessage);
        boolean caughtUp = heard.isPresent()
                && end.isPresent()
                && isAt(end.get(), facts.wal().replay());
        return new Upstream(
                end, lastMessage, caughtUp ? Optional.of(facts.server().now()) : before.caughtUp());
    }

    static boolean isAt(Lsn end, Optional<Lsn> replay) {
        return replay.isPresent() && replay.get().compareTo(end) >= 0;
    }
}
