package dev.pgsidecar.probe;

import dev.pgsidecar.observe.History;
import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.PeerInstance.Downstream;
import dev.pgsidecar.postgres.catalog.Receiver;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** What a replica is to its upstream, which alone knows: the peer that lists it says. */
enum SyncState {
    SYNC(Set.of("sync")),
    ASYNC(Set.of("async", "potential")),
    QUORUM(Set.of("quorum"));

    private final Set<String> states;

    SyncState(Set<String> states) {
        this.states = states;
    }

    Verdict judge(History history, Instance replica, Moment now, Limits limits) {
        Optional<String> slot = replica.facts().receiver().flatMap(Receiver::slot);
        return history.peers().values().stream()
                .flatMap(peer -> peer.fresh(now, limits.staleAfter()).stream())
                .flatMap(peer -> peer.downstream(slot, limits.name()).flatMap(Downstream::syncState).stream())
                .findFirst()
                .map(this::judge)
                .orElseGet(() -> Verdict.fail(
                        "unknown",
                        history.peers().isEmpty()
                                ? "the sync state is known to the upstream only, and no peer is configured"
                                : "no peer that answers lists this replica among its standbys"));
    }

    private Verdict judge(String state) {
        return states.contains(state)
                ? Verdict.pass()
                : Verdict.fail("not-" + name().toLowerCase(Locale.ROOT), "its upstream calls it " + state);
    }
}
