package dev.pgsidecar.writes;

import static dev.pgsidecar.observe.Pictures.NOW;
import static dev.pgsidecar.observe.Pictures.ago;
import static dev.pgsidecar.observe.Pictures.pause;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.observe.PeerInstance;
import dev.pgsidecar.observe.Pictures;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.WalSender;
import dev.pgsidecar.postgres.catalog.WritePause;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** What the checks of this room look at: pg-0 is the primary on timeline 3, pg-1 and pg-2 are its standbys. */
final class Scene {

    static final Duration STALE_AFTER = Duration.ofSeconds(5);

    /** The end of the pauses of {@link Pictures}. */
    static final long FINAL = 5000;

    static final WritePause PAUSED = pause(Duration.ofSeconds(30));
    static final WritePause COMMITTED = committed("pg-1");

    /** What came with replication to a standby that was promoted since. */
    static final WritePause INHERITED = pause("pg-9", 2, Duration.ofSeconds(30), Optional.empty());

    /** How a check refuses. */
    enum Refusing {
        FIRMLY,
        UNLESS_WAIVED,
        AS_A_CONFLICT
    }

    private Scene() {}

    static WritePause committed(String target) {
        return pause("pg-0", 3, Duration.ofSeconds(30), Optional.of(target));
    }

    static WritePause proof(Optional<Lsn> finalLsn, Optional<String> guarantee) {
        return changed(7, PAUSED.expires(), PAUSED.left(), finalLsn, guarantee);
    }

    static WritePause pauseOf(boolean allDatabases, String method) {
        return changed(7, allDatabases, method, PAUSED.expires(), PAUSED.left(), PAUSED.finalLsn(), PAUSED.guarantee());
    }

    static WritePause lease(long generation, Instant expires, Duration left) {
        return changed(generation, expires, left, PAUSED.finalLsn(), PAUSED.guarantee());
    }

    private static WritePause changed(
            long generation, Instant expires, Duration left, Optional<Lsn> finalLsn, Optional<String> guarantee) {
        return changed(generation, PAUSED.allDatabases(), PAUSED.method(), expires, left, finalLsn, guarantee);
    }

    private static WritePause changed(
            long generation,
            boolean allDatabases,
            String method,
            Instant expires,
            Duration left,
            Optional<Lsn> finalLsn,
            Optional<String> guarantee) {
        return new WritePause(
                generation,
                PAUSED.node(),
                PAUSED.timeline(),
                PAUSED.operation(),
                PAUSED.orderedBy(),
                PAUSED.reason(),
                allDatabases,
                PAUSED.databases(),
                method,
                PAUSED.started(),
                expires,
                left,
                PAUSED.held(),
                finalLsn,
                guarantee,
                Optional.empty(),
                PAUSED.undo());
    }

    static Facts open(WalSender... senders) {
        return with(Pictures.primary().facts(), senders);
    }

    static Facts primary(WritePause pause, WalSender... senders) {
        return with(Pictures.primary(pause).facts(), senders);
    }

    static Facts standby(WritePause pause) {
        return Pictures.replica(FINAL, FINAL).paused(pause).instance().facts();
    }

    private static Facts with(Facts facts, WalSender... senders) {
        return new Facts(
                facts.server(),
                facts.wal(),
                facts.replay(),
                facts.receiver(),
                List.of(senders),
                facts.slots(),
                facts.activity(),
                facts.preparedTransactions(),
                facts.pausable(),
                facts.writePause(),
                facts.lastPause());
    }

    static WalSender sender(String application, long replay) {
        return sender(application, Optional.empty(), Optional.of(new Lsn(replay)));
    }

    static WalSender sender(String application, Optional<String> slot, Optional<Lsn> replay) {
        return new WalSender(
                1,
                "replication",
                application,
                Optional.empty(),
                Optional.of("streaming"),
                Optional.of("async"),
                OptionalLong.of(0),
                slot,
                replay,
                replay,
                replay,
                replay,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.of(NOW));
    }

    static Peer standby(String name) {
        return answered(name, word(Role.REPLICA, 3, Optional.empty()), ago(1), Optional.empty());
    }

    static Peer standbyWithSlot(String name, String slot) {
        return answered(name, word(Role.REPLICA, 3, Optional.of(slot)), ago(1), Optional.empty());
    }

    static Peer onTimeline(String name, Role role, int timeline) {
        return answered(name, word(role, timeline, Optional.empty()), ago(1), Optional.empty());
    }

    /** It said that, longer ago than a word counts. */
    static Peer oldOnTimeline(String name, Role role, int timeline) {
        return answered(name, word(role, timeline, Optional.empty()), ago(60), Optional.empty());
    }

    /** It said that before it fell silent. */
    static Peer silentOnTimeline(String name, Role role, int timeline) {
        return silent(name, Optional.empty(), Optional.of(word(role, timeline, Optional.empty())));
    }

    /** Its agent promotes it, and its server does not answer just now. */
    static Peer promotingSilently(String name) {
        return silent(name, Optional.of("promote"), Optional.empty());
    }

    static Peer resuming(String name) {
        return answered(name, word(Role.REPLICA, 3, Optional.empty()), ago(1), Optional.of("resume"));
    }

    static Peer promoting(String name) {
        return answered(name, word(Role.REPLICA, 3, Optional.empty()), ago(1), Optional.of("promote"));
    }

    /** It was a standby, longer ago than a word counts. */
    static Peer old(String name) {
        return oldOnTimeline(name, Role.REPLICA, 3);
    }

    static Peer silent(String name) {
        return silentOnTimeline(name, Role.REPLICA, 3);
    }

    /** One of which nothing is known yet. */
    static Peer unheard(String name) {
        return silent(name, Optional.empty(), Optional.empty());
    }

    private static Peer silent(String name, Optional<String> operation, Optional<PeerInstance> before) {
        return new Peer(
                name,
                Optional.of(ago(1)),
                Optional.empty(),
                operation,
                before,
                before.map(_ -> ago(60)),
                Optional.of("its agent does not answer"));
    }

    private static Peer answered(String name, PeerInstance word, Moment at, Optional<String> operation) {
        return new Peer(
                name,
                Optional.of(at),
                Optional.of(word),
                operation,
                Optional.of(word),
                Optional.of(at),
                Optional.empty());
    }

    private static PeerInstance word(Role role, int timeline, Optional<String> slot) {
        return new PeerInstance(
                "7391",
                role,
                timeline,
                Duration.ZERO,
                Optional.of(new Lsn(FINAL)),
                slot,
                role == Role.REPLICA,
                List.of(),
                List.of(),
                true,
                Optional.empty(),
                Optional.empty());
    }

    static List<String> names(List<Check> checks) {
        return checks.stream().map(Check::name).toList();
    }

    static List<String> failed(List<Check> checks) {
        return names(checks.stream().filter(Check::failed).toList());
    }

    static Check check(List<Check> checks, String name) {
        return checks.stream()
                .filter(check -> check.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    /** That this check refuses, in this way, says so, and tells what to do next. */
    static void assertRefused(List<Check> checks, String name, Refusing how, String found, String next) {
        Check check = check(checks, name);
        assertThat(check.failed()).as(name).isTrue();
        assertThat(check.found()).contains(found);
        assertThat(check.required()).isNotBlank();
        assertThat(check.hint()).contains(next);
        assertThat(check.waivable()).as("waivable").isEqualTo(how == Refusing.UNLESS_WAIVED);
        assertThat(check.conflict()).as("a conflict").isEqualTo(how == Refusing.AS_A_CONFLICT);
    }
}
