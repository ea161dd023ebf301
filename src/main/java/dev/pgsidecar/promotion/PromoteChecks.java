package dev.pgsidecar.promotion;

import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.observe.PeerInstance;
import dev.pgsidecar.observe.PeerInstance.Downstream;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.catalog.Receiver;
import dev.pgsidecar.postgres.catalog.Replay;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Whether this standby should become the primary: a pure function of what it, its peers and the caller say. What is not
 * known never passes.
 *
 * @param name this instance's name, by which an upstream may know it
 * @param staleAfter how long a peer's word counts
 */
record PromoteChecks(
        PromoteFacts facts,
        PromoteRequest request,
        Collection<Peer> peers,
        String name,
        Moment now,
        Duration staleAfter) {

    static final String IDENTITY = "identity";
    static final String RIGHTS = "rights";
    static final String REPLICA = "replica";
    static final String RECOVERY_TARGET = "recovery-target";
    static final String APPLY_DELAY = "apply-delay";
    static final String UPSTREAM = "upstream";
    static final String TIMELINE = "timeline";
    static final String MOST_ADVANCED = "most-advanced";
    static final String SYNCHRONOUS = "synchronous";
    static final String REPLAYED = "replayed";
    static final String ROOM = "room";

    static final List<String> NAMES = List.of(
            IDENTITY,
            RIGHTS,
            REPLICA,
            RECOVERY_TARGET,
            APPLY_DELAY,
            UPSTREAM,
            TIMELINE,
            MOST_ADVANCED,
            SYNCHRONOUS,
            REPLAYED,
            ROOM);

    /** Those that may pass a moment later: a peer notices the death of the primary a second after this server did. */
    static final Set<String> MAY_SETTLE = Set.of(UPSTREAM, TIMELINE, MOST_ADVANCED, SYNCHRONOUS, REPLAYED);

    List<Check> judge() {
        if (facts.isPrimary()) {
            return List.of(Check.passed(REPLICA, "a primary already: nothing is to be done", "a replica"));
        }
        return List.of(
                identity(),
                rights(),
                replica(),
                recoveryTarget(),
                applyDelay(),
                upstream(),
                timeline(),
                mostAdvanced(),
                synchronous(),
                replayed(),
                room());
    }

    private Check identity() {
        return Check.passed(
                IDENTITY, "system_identifier " + facts.facts().server().systemIdentifier(), "the same");
    }

    private Check rights() {
        return facts.missingRights().isEmpty()
                ? Check.passed(RIGHTS, "all", "all")
                : Check.failed(
                        RIGHTS,
                        "%d missing".formatted(facts.missingRights().size()),
                        "all that deploy/sql/install.sql grants",
                        "on the primary, in the agent's database, as a superuser: "
                                + String.join("; ", facts.missingRights()));
    }

    private Check replica() {
        return Check.passed(REPLICA, "a replica", "a replica");
    }

    private Check recoveryTarget() {
        String found = String.join(", ", facts.recoveryTargets());
        if (facts.recoverySignal().orElse(false)) {
            found = found.isEmpty() ? "recovery.signal" : "recovery.signal, " + found;
        }
        return found.isEmpty()
                ? Check.passed(RECOVERY_TARGET, "none", "none")
                : Check.doubtful(
                        RECOVERY_TARGET,
                        found,
                        "none",
                        "a point-in-time recovery would end early; let it reach its target, or waive recovery-target");
    }

    private Check applyDelay() {
        Duration delay = facts.facts().replay().map(Replay::applyDelay).orElse(Duration.ZERO);
        return delay.isZero()
                ? Check.passed(APPLY_DELAY, "0s", "0s")
                : Check.doubtful(
                        APPLY_DELAY,
                        delay.toSeconds() + "s",
                        "0s",
                        "a promote replays all delayed WAL at once, what the delay was to save from among it; set"
                                + " recovery_min_apply_delay to 0, or waive apply-delay");
    }

    private Check upstream() {
        String required = "nobody else is the primary";
        Optional<String> rival = rival();
        if (rival.isPresent()) {
            return Check.failed(UPSTREAM, rival.get(), required, "stop it first: pg_ctl stop, on its host; or keep it");
        }
        if (facts.facts().receiver().filter(Receiver::streaming).isPresent()) {
            return Check.failed(
                    UPSTREAM,
                    "it streams to this standby",
                    required,
                    "stop the primary first (pg_ctl stop, on its host); where it hangs, or is out of reach, the stream"
                            + " ends after wal_receiver_timeout");
        }
        if (request.checkpoint().isPresent()) {
            return complete()
                    ? Check.passed(UPSTREAM, "received up to %s".formatted(position()), "past " + checkpoint())
                    : Check.failed(
                            UPSTREAM,
                            "received up to %s".formatted(position()),
                            "past %s, the stopped primary's last checkpoint".formatted(checkpoint()),
                            "this standby lacks WAL that the primary has: start the primary again and let it stream, or"
                                    + " ask another standby");
        }
        return request.deadPrimary()
                .map(dead ->
                        Check.passed(UPSTREAM, "silent, and the caller says that %s is dead".formatted(dead), required))
                .orElseGet(() -> Check.failed(
                        UPSTREAM,
                        "silent",
                        required,
                        "say that the primary is dead, after you made sure of it: \"deadPrimary\": \"its name\"; or, after"
                                + " a clean stop, give pg_controldata's \"Latest checkpoint location\":"
                                + " \"expect\": {\"checkpointLsn\": ...}"));
    }

    /** A peer that is, or is about to be, a primary. */
    Optional<String> rival() {
        return peers.stream()
                .flatMap(peer -> fresh(peer)
                        .filter(other -> other.role() == Role.PRIMARY
                                || other.operation().equals(Optional.of(Promotion.KIND)))
                        .map(other -> peer.name()
                                + (other.role() == Role.PRIMARY ? " is a primary" : " is just being promoted"))
                        .stream())
                .findFirst();
    }

    private Check timeline() {
        int own = facts.facts().server().timeline();
        return peers.stream()
                .flatMap(peer -> fresh(peer).filter(other -> other.timeline() > own).map(other -> peer).stream())
                .findFirst()
                .map(peer -> Check.doubtful(
                        TIMELINE,
                        "%d; %s is on %d"
                                .formatted(
                                        own,
                                        peer.name(),
                                        fresh(peer).orElseThrow().timeline()),
                        "none newer than this one's",
                        "promote " + peer.name() + " instead, or waive timeline"))
                .orElseGet(() -> Check.passed(TIMELINE, "" + own, "none newer than this one's"));
    }

    private Check mostAdvanced() {
        String required = "no other replica has more WAL";
        if (request.checkpoint().isPresent() && complete()) {
            return Check.passed(MOST_ADVANCED, "all that the stopped primary wrote", required);
        }
        if (peers.isEmpty()) {
            return Check.doubtful(
                    MOST_ADVANCED,
                    "no peer is configured",
                    required,
                    "compare pg_last_wal_receive_lsn() of all standbys, then waive most-advanced; or configure peers");
        }
        List<String> doubts = new ArrayList<>();
        for (Peer peer : peers) {
            doubt(peer).ifPresent(doubts::add);
        }
        return doubts.isEmpty()
                ? Check.passed(MOST_ADVANCED, "received up to " + position(), required)
                : Check.doubtful(
                        MOST_ADVANCED,
                        "received up to %s; %s".formatted(position(), String.join("; ", doubts)),
                        required,
                        "promote the one with more, bring the silent ones back, or waive most-advanced");
    }

    private Optional<String> doubt(Peer peer) {
        Optional<PeerInstance> other = fresh(peer);
        if (other.isEmpty()) {
            boolean dead = request.deadPrimary().equals(Optional.of(peer.name()));
            return dead
                    ? Optional.empty()
                    : Optional.of("%s: %s".formatted(peer.name(), peer.failure().orElse("its word is old")));
        }
        if (other.get().streaming() && !isBelowAReplica(peer, other.get())) {
            return Optional.of(peer.name() + " still streams from the primary");
        }
        return other.get()
                .position()
                .filter(there -> facts.received()
                        .filter(here -> here.compareTo(there) >= 0)
                        .isEmpty())
                .map(there -> "%s has received up to %s".formatted(peer.name(), there));
    }

    /** Whether it streams from this standby or another one, and so cannot have more. */
    private boolean isBelowAReplica(Peer peer, PeerInstance instance) {
        boolean ours = facts.facts().senders().stream()
                .anyMatch(sender -> sender.application().equals(peer.name())
                        || instance.slot().isPresent() && sender.slot().equals(instance.slot()));
        return ours
                || peers.stream()
                        .flatMap(other -> fresh(other).stream())
                        .filter(other -> other.role() == Role.REPLICA)
                        .anyMatch(other ->
                                other.downstream(instance.slot(), peer.name()).isPresent());
    }

    private Check synchronous() {
        String required = "no acknowledged commit was left out here";
        if (request.checkpoint().isPresent() && complete()) {
            return Check.passed(SYNCHRONOUS, "all that the stopped primary wrote", required);
        }
        Optional<PeerInstance> primary = request.deadPrimary().flatMap(dead -> peers.stream()
                .filter(peer -> peer.name().equals(dead))
                .flatMap(peer -> peer.before().stream())
                .filter(before -> before.role() == Role.PRIMARY)
                .findFirst());
        Optional<String> names = primary.flatMap(PeerInstance::synchronousStandbyNames);
        if (names.isEmpty()) {
            return Check.doubtful(
                    SYNCHRONOUS,
                    "whom the dead primary waited for is not known",
                    required,
                    "look at its synchronous_standby_names: if this standby is among them, or it is empty and you accept"
                            + " to lose what had not arrived, waive synchronous");
        }
        if (names.get().isEmpty()) {
            return Check.passed(
                    SYNCHRONOUS, "the dead primary waited for nobody: what had not arrived anywhere is lost", required);
        }
        String state = primary.get()
                .downstream(facts.slotOfUpstream(), name)
                .flatMap(Downstream::syncState)
                .orElse("not among its standbys");
        if (Set.of("sync", "quorum").contains(state)) {
            return Check.passed(SYNCHRONOUS, "the dead primary called it " + state, required);
        }
        return asMuchAsTheSynchronous(primary.get())
                .map(peer -> Check.passed(SYNCHRONOUS, "as much WAL as " + peer + ", which was synchronous", required))
                .orElseGet(() -> Check.doubtful(
                        SYNCHRONOUS,
                        "the dead primary called it %s, and waited for %s".formatted(state, names.get()),
                        required,
                        "promote a synchronous standby, or waive synchronous"));
    }

    /** A standby that no commit waited for can still have more than one that they did wait for. */
    private Optional<String> asMuchAsTheSynchronous(PeerInstance primary) {
        return peers.stream()
                .filter(peer -> fresh(peer)
                        .filter(other -> primary.downstream(other.slot(), peer.name())
                                .flatMap(Downstream::syncState)
                                .equals(Optional.of("sync")))
                        .flatMap(PeerInstance::position)
                        .filter(there -> facts.received()
                                .filter(here -> here.compareTo(there) >= 0)
                                .isPresent())
                        .isPresent())
                .map(Peer::name)
                .findFirst();
    }

    private Check replayed() {
        Optional<Lsn> received = facts.received();
        Optional<Lsn> replay = facts.facts().wal().replay();
        if (received.isEmpty() || replay.isEmpty()) {
            return Check.failed(
                    REPLAYED, "no WAL position", "a position", "wait until the standby has replayed something");
        }
        long waiting = received.get().minus(replay.get());
        boolean fits =
                !request.maxLag().isLimit() || waiting <= request.maxLag().bytes();
        String found = "%d bytes wait (received %s, replayed %s)".formatted(waiting, received.get(), replay.get());
        String required = request.maxLag().isLimit()
                ? "at most %d bytes".formatted(request.maxLag().bytes())
                : "any";
        return fits
                ? Check.passed(REPLAYED, found, required)
                : Check.doubtful(
                        REPLAYED,
                        found,
                        required,
                        "wait (is replay paused? SELECT pg_wal_replay_resume()), give maxLag, or waive replayed: it is all"
                                + " replayed before this is a primary");
    }

    private Check room() {
        int needed = slotsToMake().size();
        int free = facts.maxSlots() - facts.facts().slots().size();
        String found = "%d free slots, max_wal_senders %d".formatted(free, facts.maxSenders());
        String required = "%d slots and %d senders, for the other standbys".formatted(needed, peers.size());
        return free >= needed && facts.maxSenders() >= peers.size()
                ? Check.passed(ROOM, found, required)
                : Check.doubtful(
                        ROOM,
                        found,
                        required,
                        "drop slots that nobody uses, or raise max_replication_slots and max_wal_senders (a restart), or"
                                + " waive room: those standbys will have to wait");
    }

    /** The slots that the other standbys use at their upstream and that are not here yet. */
    Set<String> slotsToMake() {
        Set<String> here =
                facts.facts().slots().stream().map(slot -> slot.name()).collect(Collectors.toSet());
        return peers.stream()
                .flatMap(peer -> Stream.concat(peer.now().stream(), peer.before().stream()))
                .flatMap(peer -> peer.slot().stream())
                .filter(slot -> !here.contains(slot))
                .collect(Collectors.toSet());
    }

    /** Strictly past: a standby that lacks the shutdown checkpoint's record has received up to where it begins. */
    private boolean complete() {
        return facts.received()
                .filter(received -> received.compareTo(request.checkpoint().orElseThrow()) > 0)
                .isPresent();
    }

    private Optional<PeerInstance> fresh(Peer peer) {
        return peer.fresh(now, staleAfter);
    }

    private String position() {
        return facts.received().map(Lsn::toString).orElse("nowhere");
    }

    private String checkpoint() {
        return request.checkpoint().map(Lsn::toString).orElse("");
    }
}
