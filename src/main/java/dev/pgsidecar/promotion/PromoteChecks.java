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
import dev.pgsidecar.postgres.catalog.WritePause;
import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Whether this standby should become the primary: a pure function of what it, its peers and the caller say. What is not
 * known never passes.
 *
 * @param name this instance's name, by which an upstream may know it
 * @param silence how long ago the upstream's last message arrived
 * @param staleAfter how long a peer's word counts
 */
record PromoteChecks(
        PromoteFacts facts,
        PromoteRequest request,
        Collection<Peer> peers,
        String name,
        Optional<Duration> silence,
        Moment now,
        Duration staleAfter) {

    static final String IDENTITY = "identity";
    static final String RIGHTS = "rights";
    static final String REPLICA = "replica";
    static final String RECOVERY_TARGET = "recovery-target";
    static final String APPLY_DELAY = "apply-delay";
    static final String UPSTREAM = "upstream";
    static final String TIMELINE = "timeline";
    static final String PEERS_ANSWER = "peers-answer";
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
            PEERS_ANSWER,
            MOST_ADVANCED,
            SYNCHRONOUS,
            REPLAYED,
            ROOM);

    /** Those that may pass a moment later: a peer notices the death of the primary a second after this server did. */
    static final Set<String> MAY_SETTLE =
            Set.of(UPSTREAM, TIMELINE, PEERS_ANSWER, MOST_ADVANCED, SYNCHRONOUS, REPLAYED);

    /**
     * How far past the beginning of its last checkpoint's record a cleanly stopped primary's WAL can end: that record, 0x78
     * bytes, and the header of a page.
     */
    private static final long SHUTDOWN_RECORD_BYTES = 0x100;

    private static final String ALL = "this one has all that the primary wrote before it was stopped or paused";

    /** Of ANY 2 (a, b, c): how many of which. */
    private static final Pattern ANY =
            Pattern.compile("\\s*ANY\\s+(\\d+)\\s*\\(([^)*]*)\\)\\s*", Pattern.CASE_INSENSITIVE);

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
                peersAnswer(),
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
        if (request.generation().isPresent()) {
            return handOver(request.generation().get());
        }
        String required = "nobody else is the primary";
        Optional<String> alive = rival().or(this::streamsHere).or(this::streamsToAPeer);
        if (alive.isPresent()) {
            return Check.failed(
                    UPSTREAM,
                    alive.get(),
                    required,
                    "to take over from a living primary, pause its writes and commit the hand-over to this node (POST"
                            + " /v1/writes/pause, then commit, at its agent), and name the \"generation\" here;"
                            + " to fail over, stop it first (pg_ctl stop, on its host); where it hangs, or is out of reach, the stream"
                            + " ends after wal_receiver_timeout");
        }
        if (request.checkpoint().isPresent()) {
            return cleanStop();
        }
        return request.deadPrimary()
                .map(dead -> notAPrimary(dead)
                        .map(why -> Check.failed(
                                UPSTREAM, why, required, "deadPrimary names the primary, by its name among the peers"))
                        .orElseGet(() -> Check.passed(
                                UPSTREAM, "silent, and the caller says that %s is dead".formatted(dead), required)))
                .orElseGet(() -> Check.failed(
                        UPSTREAM,
                        "silent",
                        required,
                        "say that the primary is dead, after you made sure of it: \"deadPrimary\": \"its name\"; or, after"
                                + " a clean stop, give pg_controldata's \"Latest checkpoint location\":"
                                + " \"expect\": {\"checkpointLsn\": ...}"));
    }

    /** The one case in which a primary may live beside this one: it holds its writes back until it is told otherwise. */
    private Check handOver(long generation) {
        String required = "the replicated pause of generation %d is handed over to %s".formatted(generation, name);
        String hint = "GET /v1/writes here and at the primary's agent; POST /v1/writes/commit there hands over";
        Optional<WritePause> pause = facts.facts().writePause();
        if (pause.isEmpty()) {
            return Check.failed(UPSTREAM, "no pause has been replicated to here", required, hint);
        }
        Optional<String> wrong = notHandedOver(pause.get(), generation)
                .or(() -> rival(peer -> !peer.name().equals(pause.get().node())))
                .or(() -> heldNoMore(pause.get()));
        Optional<Check> broken = broken(pause.get())
                .map(found -> Check.failed(
                        UPSTREAM,
                        found,
                        required,
                        "POST /v1/writes/resume at %1$s's agent, and pause again; if %1$s is dead: \"deadPrimary\": \"%1$s\", without a generation"
                                .formatted(pause.get().node())));
        return wrong.map(found -> Check.failed(UPSTREAM, found, required, hint))
                .or(() -> broken)
                .orElseGet(() -> Check.passed(
                        UPSTREAM,
                        "handed over by %s, up to %s"
                                .formatted(
                                        pause.get().node(),
                                        pause.get().finalLsn().orElseThrow()),
                        required));
    }

    /** The old primary may have been resumed since, and this standby not know it yet. */
    private Optional<String> heldNoMore(WritePause pause) {
        return peers.stream()
                .filter(peer -> peer.name().equals(pause.node()))
                .filter(peer -> peer.carriesOut("resume")
                        || fresh(peer)
                                .filter(holder -> holder.timeline() != pause.timeline()
                                        || !holder.handedOver()
                                                .filter(held -> isThis(held, pause))
                                                .isPresent())
                                .isPresent())
                .map(peer -> "%s holds its writes back no more, or is just resuming them".formatted(peer.name()))
                .findFirst();
    }

    private boolean isThis(PeerInstance.HandOver held, WritePause pause) {
        return held.generation() == pause.generation() && held.target().equals(name);
    }

    /** A report of any age counts: a guarantee that is broken stays broken. */
    private Optional<String> broken(WritePause pause) {
        return peers.stream()
                .filter(peer -> peer.before()
                        .filter(last -> last.timeline() == pause.timeline())
                        .flatMap(PeerInstance::handedOver)
                        .filter(held -> isThis(held, pause) && !held.holds())
                        .isPresent())
                .map(peer ->
                        "%s reports that the guarantee of this pause is broken: commits after its proof may be missing here"
                                .formatted(peer.name()))
                .findFirst();
    }

    private Optional<String> notHandedOver(WritePause pause, long generation) {
        if (pause.generation() != generation) {
            return Optional.of("generation " + pause.generation());
        }
        if (!pause.committedTo().equals(Optional.of(name))) {
            return Optional.of(
                    pause.committedTo().map(to -> "handed over to " + to).orElse("not committed"));
        }
        if (!pause.proved()) {
            return Optional.of("somebody may have written in spite of it");
        }
        return facts.facts()
                        .wal()
                        .replay()
                        .filter(replay -> replay.compareTo(pause.finalLsn().orElseThrow()) >= 0)
                        .isPresent()
                ? Optional.empty()
                : Optional.of("not replayed up to " + pause.finalLsn().orElseThrow());
    }

    /** Whether the old primary has handed over to this one: then there is nothing that this one could lack. */
    private boolean handedOver() {
        return request.generation().isPresent()
                && facts.facts()
                        .writePause()
                        .filter(pause ->
                                notHandedOver(pause, request.generation().get()).isEmpty())
                        .isPresent();
    }

    /** A peer that is, or is about to be, a primary. */
    private Optional<String> rival() {
        return rival(_ -> true);
    }

    private Optional<String> rival(Predicate<Peer> counts) {
        return peers.stream()
                .filter(counts)
                .flatMap(peer -> peer.carriesOut(Promotion.KIND)
                        ? Stream.of(peer.name() + " is just being promoted")
                        : peer.freshPrimary(now, staleAfter).map(_ -> peer.name() + " is a primary").stream())
                .findFirst();
    }

    /** A receiver whose state the agent may not see could well stream. */
    private Optional<String> streamsHere() {
        return facts.facts()
                .receiver()
                .filter(receiver -> receiver.streaming() || receiver.status().isEmpty())
                .map(receiver -> "it streams to this standby");
    }

    private Optional<String> streamsToAPeer() {
        return peers.stream()
                .filter(peer -> fresh(peer).filter(PeerInstance::streaming).isPresent() && !isBelowAReplica(peer))
                .map(peer -> peer.name() + " still streams from the primary")
                .findFirst();
    }

    /** Whether it streams from this standby or another one, by the application_name that is its name. */
    private boolean isBelowAReplica(Peer peer) {
        return facts.facts().senders().stream()
                        .anyMatch(sender -> sender.application().equals(peer.name()))
                || peers.stream()
                        .flatMap(other -> fresh(other).stream())
                        .filter(other -> other.role() == Role.REPLICA)
                        .anyMatch(other ->
                                other.downstream(Optional.empty(), peer.name()).isPresent());
    }

    private Check cleanStop() {
        String found = "received up to " + position();
        String required = "just past %s, where the stopped primary's last checkpoint begins".formatted(checkpoint());
        if (complete()) {
            return Check.passed(UPSTREAM, found, required);
        }
        boolean less = pastCheckpoint() <= 0;
        return Check.failed(
                UPSTREAM,
                found,
                required,
                less
                        ? "this standby lacks WAL that the primary has: start the primary again and let it stream, or ask"
                                + " another standby"
                        : "the primary wrote on after that checkpoint: it was no clean stop, or it has run since; if it is"
                                + " dead, order it with deadPrimary");
    }

    /** Why the name cannot be that of the primary that is gone. */
    private Optional<String> notAPrimary(String dead) {
        if (peers.isEmpty()) {
            return dead.isBlank() ? Optional.of("deadPrimary is empty") : Optional.empty();
        }
        Optional<Peer> named =
                peers.stream().filter(peer -> peer.name().equals(dead)).findFirst();
        if (named.isEmpty()) {
            return Optional.of("there is no peer \"%s\", but %s"
                    .formatted(
                            dead,
                            String.join(", ", peers.stream().map(Peer::name).toList())));
        }
        return named.get()
                .before()
                .filter(last -> last.role() != Role.PRIMARY)
                .map(last -> dead + " was a replica when it was last heard of");
    }

    private Check timeline() {
        int own = facts.facts().server().timeline();
        String required = "none newer than this one's, " + own;
        return peers.stream()
                .filter(peer -> peer.newerThan(own).isPresent())
                .findFirst()
                .map(peer -> {
                    String found = "%s is or was on %d"
                            .formatted(peer.name(), peer.before().orElseThrow().timeline());
                    return request.deadPrimary().equals(Optional.of(peer.name()))
                            ? Check.failed(
                                    TIMELINE,
                                    found,
                                    required,
                                    "this standby has not followed it there: promote another one")
                            : Check.doubtful(TIMELINE, found, required, "promote that one instead, or waive timeline");
                })
                .orElseGet(() -> Check.passed(TIMELINE, "none newer", required));
    }

    private Check peersAnswer() {
        String required = "every other standby says what it has";
        if (handedOver()) {
            return holderAnswers();
        }
        if (complete()) {
            return Check.passed(PEERS_ANSWER, ALL, required);
        }
        if (peers.isEmpty()) {
            return Check.doubtful(
                    PEERS_ANSWER,
                    "no peer is configured",
                    required,
                    "compare pg_last_wal_receive_lsn() of all standbys, then waive peers-answer; or configure peers");
        }
        List<String> silent = peers.stream()
                .filter(peer -> !request.deadPrimary().equals(Optional.of(peer.name())))
                .flatMap(peer -> unknown(peer).stream())
                .toList();
        return silent.isEmpty()
                ? Check.passed(PEERS_ANSWER, "all do", required)
                : Check.doubtful(
                        PEERS_ANSWER,
                        String.join("; ", silent),
                        required,
                        "bring them back, or make sure that they have less, then waive peers-answer");
    }

    /** After a hand-over only the old primary can tell whether it still stands. */
    private Check holderAnswers() {
        String holder = facts.facts().writePause().orElseThrow().node();
        String required = "%s answers, or is known to be dead".formatted(holder);
        boolean known = request.deadPrimary().equals(Optional.of(holder))
                || peers.stream()
                        .anyMatch(peer ->
                                peer.name().equals(holder) && fresh(peer).isPresent());
        return known
                ? Check.passed(PEERS_ANSWER, "so it is; upstream tells what it says", required)
                : Check.doubtful(
                        PEERS_ANSWER,
                        peers.stream()
                                .filter(peer -> peer.name().equals(holder))
                                .map(peer -> "%s: %s"
                                        .formatted(holder, peer.failure().orElse("its word is old")))
                                .findFirst()
                                .orElse("%s is no peer here".formatted(holder)),
                        required,
                        "order it again; if it stays silent, look there (pgsidecar writes status) and waive"
                                + " peers-answer, or, if it is dead, name it as deadPrimary");
    }

    /** Why it is not known how much a peer has. */
    private Optional<String> unknown(Peer peer) {
        Optional<PeerInstance> other = fresh(peer);
        if (other.isEmpty()) {
            return Optional.of("%s: %s".formatted(peer.name(), peer.failure().orElse("its word is old")));
        }
        if (!other.get().seesAll()) {
            return Optional.of(peer.name() + ": its agent may not see the WAL receiver: GRANT pg_monitor");
        }
        return other.get().position().isEmpty()
                ? Optional.of(peer.name() + ": it has received nothing since it was started, and may hold more than it"
                        + " has replayed")
                : Optional.empty();
    }

    private Check mostAdvanced() {
        String required = "no other replica has more WAL";
        if (handedOver()) {
            return Check.passed(MOST_ADVANCED, ALL, required);
        }
        List<Peer> more = peers.stream()
                .filter(peer -> received(peer).filter(there -> !hasUpTo(there)).isPresent())
                .toList();
        return more.isEmpty()
                ? Check.passed(MOST_ADVANCED, "received up to " + position(), required)
                : Check.doubtful(
                        MOST_ADVANCED,
                        "received up to %s; %s"
                                .formatted(
                                        position(),
                                        more.stream()
                                                .map(peer -> "%s has received up to %s"
                                                        .formatted(
                                                                peer.name(),
                                                                received(peer).orElseThrow()))
                                                .collect(Collectors.joining("; "))),
                        required,
                        promoteInstead(more));
    }

    private Optional<Lsn> received(Peer peer) {
        return fresh(peer).flatMap(PeerInstance::position);
    }

    /** Names the standby that has received the most, with the command that promotes it. */
    private String promoteInstead(List<Peer> more) {
        return more.stream()
                .filter(peer -> fresh(peer)
                        .filter(other -> other.role() == Role.REPLICA)
                        .isPresent())
                .max(Comparator.comparing(peer -> received(peer).orElseThrow()))
                .map(most ->
                        "promote %1$s instead: pgsidecar promote --agent %1$s%2$s; or waive most-advanced and lose what %1$s has"
                                .formatted(most.name(), primaryOption()))
                .orElse("the primary that has more is alive: see upstream");
    }

    /** What the request says of the primary, as the command line writes it. */
    private String primaryOption() {
        return request.deadPrimary()
                .map(dead -> " --dead " + dead)
                .or(() -> request.checkpoint().map(lsn -> " --expect-checkpoint " + lsn))
                .orElse("");
    }

    private boolean hasUpTo(Lsn there) {
        return facts.received().filter(here -> here.compareTo(there) >= 0).isPresent();
    }

    private Check synchronous() {
        String required = "no acknowledged commit was left out here";
        if (complete()) {
            return Check.passed(SYNCHRONOUS, ALL, required);
        }
        Optional<Peer> dead = request.deadPrimary().flatMap(name -> peers.stream()
                .filter(peer -> peer.name().equals(name))
                .filter(peer -> peer.before()
                        .filter(before -> before.role() == Role.PRIMARY)
                        .isPresent())
                .findFirst());
        if (dead.isEmpty() || isTooOld(dead.get())) {
            return Check.doubtful(
                    SYNCHRONOUS,
                    dead.isEmpty()
                            ? "whom the dead primary waited for is not known"
                            : "whom the dead primary waited for was last told long before it fell silent",
                    required,
                    "look at its synchronous_standby_names: if this standby is among them, or it is empty and you accept"
                            + " to lose what had not arrived, waive synchronous");
        }
        PeerInstance primary = dead.get().before().orElseThrow();
        String names = primary.synchronousStandbyNames().orElse("");
        if (names.isBlank()) {
            return Check.passed(
                    SYNCHRONOUS, "the dead primary waited for nobody: what had not arrived anywhere is lost", required);
        }
        String state = primary.downstream(facts.slotOfUpstream(), name)
                .flatMap(Downstream::syncState)
                .orElse("not among its standbys");
        if (state.equals("sync")) {
            return Check.passed(SYNCHRONOUS, "the dead primary called it sync", required);
        }
        return asMuchAsTheSynchronous(primary)
                .or(() -> asMuchAsTheQuorum(dead.get().name(), primary, names, state))
                .map(whom -> Check.passed(SYNCHRONOUS, "as much WAL as " + whom, required))
                .orElseGet(() -> Check.doubtful(
                        SYNCHRONOUS,
                        "the dead primary called it %s, and waited for %s".formatted(state, names),
                        required,
                        "promote a synchronous standby, or one that has as much as they, or waive synchronous"));
    }

    /** Its last word must be of the time when it was last heard here; the margin is a keepalive's. */
    private boolean isTooOld(Peer dead) {
        Duration age = dead.beforeAt().orElseThrow().ageAt(now);
        return silence.filter(silent -> age.compareTo(silent.plus(staleAfter.multipliedBy(2))) <= 0)
                .isEmpty();
    }

    /** A standby that no commit waited for can still have more than one that they all waited for. */
    private Optional<String> asMuchAsTheSynchronous(PeerInstance primary) {
        return notAhead(primary, "sync").findFirst().map(peer -> peer + ", which was synchronous");
    }

    /**
     * Of n standbys any k were enough: among any n - k + 1 there is one that has every acknowledged commit. Where all servers have
     * one list of all their names, the primary's own is among them, and nobody who could have acknowledged.
     */
    private Optional<String> asMuchAsTheQuorum(String dead, PeerInstance primary, String names, String own) {
        Matcher any = ANY.matcher(names);
        if (!any.matches()) {
            return Optional.empty();
        }
        int enough = Integer.parseInt(any.group(1));
        boolean namesake = primary.downstreams().stream()
                .anyMatch(each -> each.application().equals(dead));
        long all = Stream.of(any.group(2).split(","))
                .map(each -> each.strip().replace("\"", ""))
                .filter(each -> namesake || !each.equals(dead))
                .count();
        long notAhead = notAhead(primary, "quorum").count() + (own.equals("quorum") ? 1 : 0);
        return notAhead >= all - enough + 1
                ? Optional.of("%d of the %d of which any %d were enough".formatted(notAhead, all, enough))
                : Optional.empty();
    }

    /** The answering peers to which the dead primary gave this state and that have no more than this standby. */
    private Stream<String> notAhead(PeerInstance primary, String state) {
        return peers.stream()
                .filter(peer -> fresh(peer)
                        .filter(other -> primary.downstream(other.slot(), peer.name())
                                .flatMap(Downstream::syncState)
                                .equals(Optional.of(state)))
                        .flatMap(PeerInstance::position)
                        .filter(this::hasUpTo)
                        .isPresent())
                .map(Peer::name);
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
        if (!fits && isTorn()) {
            return Check.passed(
                    REPLAYED,
                    found
                            + ": the beginning of a record whose end the primary never sent, so nobody was told that it is there",
                    "all that is whole");
        }
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

    /** A primary that dies while it sends a record leaves a part of it, which waits for replay for ever. */
    private boolean isTorn() {
        return facts.replayEnded()
                && facts.facts().receiver().filter(Receiver::streaming).isEmpty();
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

    /**
     * Whether nothing can be lacking here: the old primary has handed over, or the order gave a clean stop's checkpoint, and
     * this standby has just that and nothing beyond.
     */
    private boolean complete() {
        return handedOver()
                || request.checkpoint().isPresent()
                        && pastCheckpoint() > 0
                        && pastCheckpoint() <= SHUTDOWN_RECORD_BYTES;
    }

    /** Strictly past: a standby that lacks the record has received up to where it begins. */
    private long pastCheckpoint() {
        return facts.received()
                .map(received -> received.minus(request.checkpoint().orElseThrow()))
                .orElse(0L);
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
