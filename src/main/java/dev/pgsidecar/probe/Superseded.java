package dev.pgsidecar.probe;

import dev.pgsidecar.observe.History;
import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.observe.PeerInstance;
import java.util.Optional;

/**
 * When a primary is one no more, although it does not know: a peer is on a higher timeline, as after a promote while this
 * one was away; or when it is not the only one. An agent that has just begun asks first.
 */
record Superseded(Limits limits) {

    /** The reason of a primary that another one has followed. */
    static final String REASON = "superseded";

    /** The reason while that is not known yet. */
    static final String ASKING = "asking-peers";

    /** The verdict against this primary, if there is one. */
    Optional<Verdict> judge(History history, Instance primary, Moment now) {
        return history.peers().values().stream()
                .flatMap(peer -> judge(peer, primary, now).stream())
                .findFirst()
                .or(() -> asking(history, now));
    }

    /** A replica on a newer timeline counts as well: it has followed somebody. */
    private Optional<Verdict> judge(Peer peer, Instance primary, Moment now) {
        Optional<PeerInstance> newer = peer.newerThan(primary.timeline());
        if (newer.isPresent()) {
            return Optional.of(Verdict.fail(
                    REASON,
                    "%s is on timeline %d, this primary on %d"
                            .formatted(peer.name(), newer.get().timeline(), primary.timeline())));
        }
        return peer.freshPrimary(now, limits.staleAfter())
                .filter(other -> other.timeline() == primary.timeline())
                .map(other -> Verdict.fail(
                        "two-primaries",
                        "%s is a primary on timeline %d as well: stop one of them"
                                .formatted(peer.name(), other.timeline())));
    }

    private Optional<Verdict> asking(History history, Moment now) {
        boolean asking =
                history.peers().values().stream().anyMatch(peer -> peer.at().isEmpty())
                        && history.began().ageAt(now).compareTo(limits.peerWait()) < 0;
        return asking
                ? Optional.of(Verdict.fail(ASKING, "whether another one has followed is not known yet"))
                : Optional.empty();
    }
}
