package dev.pgsidecar.writes;

import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.WritePause;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/**
 * Whether writes can be resumed here. After a hand-over was committed, somebody else may write by now: then every peer has to
 * say that it is a replica.
 */
record ResumeChecks(Facts facts, ResumeRequest request, Collection<Peer> peers, Moment now, Duration staleAfter) {

    static final String PEERS = "peers-are-replicas";

    static final List<String> NAMES =
            List.of(PauseChecks.IDENTITY, PauseChecks.PRIMARY, Common.GENERATION, Common.SUPERSEDED, PEERS);

    List<Check> judge() {
        List<Check> checks = new ArrayList<>();
        checks.add(Common.identity(facts));
        checks.add(Common.primary(facts));
        request.generation()
                .filter(meant -> facts.writePause().isPresent())
                .ifPresent(meant -> checks.add(Common.generation(facts.writePause(), meant)));
        if (facts.writePause().isEmpty()) {
            return checks; // nothing is to be done
        }
        checks.add(Common.superseded(facts, peers, now, staleAfter));
        checks.add(peersAreReplicas(facts.writePause().get()));
        return checks;
    }

    private Check peersAreReplicas(WritePause pause) {
        boolean handedOver = pause.committed() && pause.heldOn(facts.server().timeline());
        String required = handedOver
                ? "every peer says that it is a replica: the hand-over to %s is committed"
                        .formatted(pause.committedTo().orElseThrow())
                : "nothing: no hand-over is committed here";
        if (!handedOver) {
            return Check.passed(PEERS, "not needed", required);
        }
        if (peers.isEmpty()) {
            return Check.doubtful(
                    PEERS,
                    "no peer is configured",
                    required,
                    "make sure that %s was not promoted, then waive peers-are-replicas"
                            .formatted(pause.committedTo().orElseThrow()));
        }
        Optional<String> primary = peers.stream()
                .filter(peer -> peer.carriesOut("promote")
                        || peer.freshPrimary(now, staleAfter).isPresent())
                .map(peer -> peer.name() + " is a primary, or is just being promoted")
                .findFirst();
        if (primary.isPresent()) {
            return Check.failed(PEERS, primary.get(), required, "leave this one paused: the other one has the writes");
        }
        List<String> silent = peers.stream()
                .filter(peer -> peer.fresh(now, staleAfter).isEmpty())
                .map(peer -> "%s: %s".formatted(peer.name(), peer.failure().orElse("its word is old")))
                .toList();
        return silent.isEmpty()
                ? Check.passed(PEERS, "all are", required)
                : Check.doubtful(
                        PEERS,
                        String.join("; ", silent),
                        required,
                        "make sure that none of them is a primary, then waive peers-are-replicas");
    }
}
