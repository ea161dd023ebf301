package dev.pgsidecar.writes;

import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.observe.PeerInstance;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.WalSender;
import dev.pgsidecar.postgres.catalog.WritePause;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/**
 * Whether the writes can be handed over: a pause that was proved, and a target that has everything.
 *
 * @param breach what was seen since that breaks the proof
 */
record CommitChecks(
        Facts facts,
        CommitRequest request,
        Optional<String> breach,
        Collection<Peer> peers,
        Moment now,
        Duration staleAfter) {

    static final String PROVED = "proved";
    static final String NOT_COMMITTED = "not-committed";
    static final String TARGET = "target";
    static final String CAUGHT_UP = "caught-up";

    static final List<String> NAMES = List.of(
            PauseChecks.IDENTITY,
            PauseChecks.PRIMARY,
            Common.GENERATION,
            Common.HELD,
            NOT_COMMITTED,
            Common.SUPERSEDED,
            PROVED,
            TARGET,
            CAUGHT_UP);

    List<Check> judge() {
        return List.of(
                Common.identity(facts),
                Common.primary(facts),
                request.generation()
                        .map(meant -> Common.generation(facts.writePause(), meant))
                        .orElseGet(() -> Check.failed(
                                Common.GENERATION, "none is named", "the pause to hand over", "GET /v1/writes")),
                Common.held(facts),
                notCommitted(),
                Common.superseded(facts, peers, now, staleAfter),
                proved(),
                target(),
                caughtUp());
    }

    private Check notCommitted() {
        String required = "committed to nobody else";
        return facts.writePause()
                .flatMap(WritePause::committedTo)
                .filter(to -> !Optional.of(to).equals(request.target()))
                .map(to -> Check.conflicting(
                        NOT_COMMITTED, "committed to " + to, required, "promote that one, or resume here first"))
                .orElseGet(() -> Check.passed(NOT_COMMITTED, "so it is", required));
    }

    private Check proved() {
        String required = "it was proved that nobody writes";
        boolean proved = facts.writePause().filter(WritePause::proved).isPresent();
        String found = breach.or(() -> facts.writePause().flatMap(WritePause::guarantee))
                .orElse("no proof");
        return proved && breach.isEmpty()
                ? Check.passed(PROVED, found, required)
                : Check.failed(
                        PROVED, found, required, "resume, find out who wrote (the agent's log tells), and pause again");
    }

    private Check target() {
        String required = "a standby that streams from here, and whose agent has that name";
        if (request.target().isEmpty()) {
            return Check.failed(TARGET, "none is named", required, "\"target\": the name of the standby's agent");
        }
        String name = request.target().get();
        if (facts.writePause().filter(pause -> pause.node().equals(name)).isPresent()) {
            return Check.failed(TARGET, name + ", which is this primary", required, "POST /v1/writes/resume instead");
        }
        Optional<Peer> peer =
                peers.stream().filter(each -> each.name().equals(name)).findFirst();
        if (!peers.isEmpty() && peer.isEmpty()) {
            return Check.failed(
                    TARGET,
                    "no peer is called " + name,
                    required,
                    "one of " + String.join(", ", peers.stream().map(Peer::name).toList()));
        }
        if (peer.isPresent()
                && peer.get()
                        .fresh(now, staleAfter)
                        .filter(other -> other.role() == Role.REPLICA)
                        .isEmpty()) {
            return Check.failed(
                    TARGET,
                    "%s: %s".formatted(name, peer.get().failure().orElse("it is a primary, or its word is old")),
                    required,
                    "GET /v1/instance at its agent: it has to say that it is a replica");
        }
        return sender(facts, peers, name).isPresent()
                ? Check.passed(TARGET, name, required)
                : Check.failed(
                        TARGET,
                        "no WAL sender for " + name,
                        required,
                        "SELECT application_name, state FROM pg_stat_replication: its application_name, or its slot,"
                                + " has to tell which one it is");
    }

    private Check caughtUp() {
        Optional<WalSender> sender = request.target().flatMap(name -> sender(facts, peers, name));
        String required = "it has replayed up to "
                + facts.writePause()
                        .flatMap(WritePause::finalLsn)
                        .map(Object::toString)
                        .orElse("the final position");
        boolean has = sender.isPresent()
                && facts.writePause()
                        .flatMap(WritePause::finalLsn)
                        .filter(end -> Pausing.has(sender.get(), end))
                        .isPresent();
        String found = sender.flatMap(WalSender::replay)
                .map(replay -> "replayed up to " + replay)
                .orElse("unknown");
        return has
                ? Check.passed(CAUGHT_UP, found, required)
                : Check.failed(
                        CAUGHT_UP, found, required, "wait for it: pause with \"waitForStandbys\", and renew the lease");
    }

    /** The WAL sender of a node: by the slot that its agent says it uses, else by its application_name. */
    static Optional<WalSender> sender(Facts facts, Collection<Peer> peers, String name) {
        Optional<String> slot = peers.stream()
                .filter(peer -> peer.name().equals(name))
                .flatMap(peer -> peer.before().flatMap(PeerInstance::slot).stream())
                .findFirst();
        return facts.senders().stream()
                .filter(sender -> slot.isPresent() && sender.slot().equals(slot))
                .findFirst()
                .or(() -> facts.senders().stream()
                        .filter(sender -> sender.application().equals(name))
                        .findFirst());
    }
}
