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
 * @param timeline the timeline that the end is on
 * @param end the end of the upstream's WAL, as its messages told it
 * @param lastMessage when the last of them arrived
 * @param caughtUp when the replica had last replayed all that it knew of
 */
public record Upstream(int timeline, Optional<Lsn> end, Optional<Instant> lastMessage, Optional<Instant> caughtUp) {

    static final Upstream NONE = new Upstream(0, Optional.empty(), Optional.empty(), Optional.empty());

    /** What is known after these facts, given what was known before. */
    static Upstream after(Upstream before, Facts facts) {
        if (!facts.server().inRecovery()) {
            return NONE;
        }
        Optional<Receiver> heard = facts.receiver().filter(receiver -> receiver.streaming() && receiver.heard());
        int timeline = facts.server().timeline();
        Optional<Lsn> end = heard.flatMap(Receiver::latestEnd)
                .map(latest -> latestOf(latest, facts.wal().receive()))
                // a message tells what was sent, which is less than what is there: it never takes a word back
                .map(latest -> timeline == before.timeline ? latestOf(latest, before.end) : latest)
                .or(before::end);
        Optional<Instant> lastMessage = heard.flatMap(Receiver::lastMessage).or(before::lastMessage);
        boolean caughtUp = heard.isPresent()
                && end.isPresent()
                && isAt(end.get(), facts.wal().replay());
        return new Upstream(
                timeline,
                end,
                lastMessage,
                caughtUp ? Optional.of(facts.server().now()) : before.caughtUp());
    }

    static boolean isAt(Lsn end, Optional<Lsn> replay) {
        return replay.isPresent() && replay.get().compareTo(end) >= 0;
    }

    private static Lsn latestOf(Lsn one, Optional<Lsn> other) {
        return other.map(one::max).orElse(one);
    }
}
