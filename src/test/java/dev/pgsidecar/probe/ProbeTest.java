package dev.pgsidecar.probe;

import static dev.pgsidecar.observe.Pictures.ASKED;
import static dev.pgsidecar.observe.Pictures.NOW;
import static dev.pgsidecar.observe.Pictures.ago;
import static dev.pgsidecar.observe.Pictures.failure;
import static dev.pgsidecar.observe.Pictures.history;
import static dev.pgsidecar.observe.Pictures.pause;
import static dev.pgsidecar.observe.Pictures.primary;
import static dev.pgsidecar.observe.Pictures.replica;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.config.ByteSize;
import dev.pgsidecar.observe.History;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Observation;
import dev.pgsidecar.observe.Observation.Unanswered;
import dev.pgsidecar.observe.Observations;
import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.observe.PeerInstance;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.observe.SlowObservation;
import dev.pgsidecar.postgres.Failure.Kind;
import dev.pgsidecar.postgres.catalog.WritePause;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The table of docs/health-checks.md. */
class ProbeTest {

    static final Limits LIMITS = new Limits(
            "pg-1",
            Duration.ofSeconds(5),
            Duration.ofSeconds(20),
            Duration.ofSeconds(5),
            ByteSize.parse("1kB"),
            Duration.ofSeconds(60),
            1,
            1);

    private static final History PRIMARY = history(primary());
    private static final History REPLICA = history(replica(1000, 1000));

    private static final WritePause PAUSE = pause(Duration.ofSeconds(30));
    private static final History PAUSED_PRIMARY = history(primary(PAUSE));
    private static final History PAUSED_REPLICA = history(replica(1000, 1000).paused(PAUSE));

    @ParameterizedTest
    @CsvSource(textBlock = """
            # probe,         on a primary,  on a replica
            PRIMARY,         ok,            not-primary
            REPLICA,         not-replica,   ok
            READ_ONLY,       ok,            ok
            READ_ONLY_SYNC,  ok,            unknown
            READ_ONLY_QUORUM, ok,           unknown
            SYNC,            not-replica,   unknown
            ASYNC,           not-replica,   unknown
            QUORUM,          not-replica,   unknown
            STANDBY_LEADER,  no-cluster-manager, no-cluster-manager
            HEALTH,          ok,            ok
            LIVENESS,        ok,            ok
            READINESS,       ok,            ok
            STARTUP,         ok,            ok
            """)
    void answersByRole(Probe probe, String onPrimary, String onReplica) {
        assertReason(judge(probe, PRIMARY), onPrimary);
        assertReason(judge(probe, REPLICA), onReplica);
    }

    @ParameterizedTest
    @CsvSource(textBlock = """
            stopped,            maint
            shutting-down,      up drain
            lag-exceeded,       up drain
            lag-unknown,        up drain
            not-streaming,      up drain
            rising,             up drain
            not-accepting,      up drain
            out-of-connections, up drain
            writes-paused,      up drain
            not-primary,        ready down #not-primary
            stale,              ready
            hung,               ready
            starting,           ready
            unreachable,        ready
            down,               ready down #down
            superseded,         ready down #superseded
            wrong-instance,     ready down #wrong-instance
            """)
    void tellsHaproxyInItsWords(String reason, String words) {
        assertThat(AgentCheck.words(Verdict.fail(reason, "tested"), PRIMARY)).isEqualTo(words);
    }

    @Test
    void tellsHaproxyThatARestartIsOneMaintenance() {
        Verdict starting = Verdict.fail(failure(Kind.STARTING));
        assertThat(AgentCheck.words(starting, history(Kind.STARTING, Kind.STARTING, Kind.STOPPED, primary())))
                .isEqualTo("maint");
        assertThat(AgentCheck.words(starting, history(Kind.STARTING, Kind.DOWN, Kind.STOPPED)))
                .isEqualTo("ready");
    }

    @Test
    void tellsHaproxyThatItIsIn() {
        assertThat(AgentCheck.words(Verdict.pass("holding", "tested"), PRIMARY)).isEqualTo("up ready");
    }

    @ParameterizedTest
    @EnumSource(
            value = Probe.class,
            mode = EnumSource.Mode.EXCLUDE,
            names = {"LIVENESS", "STARTUP", "STANDBY_LEADER"})
    void failsWithTheFailuresOwnName(Probe probe) {
        for (Kind kind : Kind.values()) {
            assertReason(judge(probe, history(kind, primary())), kind.id());
            assertReason(judge(probe, history(kind, replica(1, 1))), kind.id());
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Probe.class,
            mode = EnumSource.Mode.EXCLUDE,
            names = {"LIVENESS", "STARTUP", "STANDBY_LEADER"})
    void failsWhenStale(Probe probe) {
        Moment later = new Moment(
                NOW.plusSeconds(5), ASKED.nanos() + Duration.ofSeconds(5).toNanos());
        assertReason(probe.judge(PRIMARY, later, Question.PLAIN, LIMITS), "stale");
        assertReason(probe.judge(REPLICA, later, Question.PLAIN, LIMITS), "stale");
    }

    @Test
    void failsBeforeTheFirstObservation() {
        History nothing = new Observations().history();
        for (Probe probe : Probe.values()) {
            boolean answersAnyway = probe == Probe.LIVENESS;
            assertThat(probe.judge(nothing, Moment.now(), Question.PLAIN, LIMITS)
                            .passes())
                    .as(probe.name())
                    .isEqualTo(answersAnyway);
        }
    }

    @Test
    void livesWhateverTheServerDoesUntilTheLoopIsStuck() {
        for (Kind kind : Kind.values()) {
            assertThat(judge(Probe.LIVENESS, history(kind)).passes()).isTrue();
        }
        Moment later = new Moment(
                NOW.plusSeconds(20), ASKED.nanos() + Duration.ofSeconds(20).toNanos());
        assertReason(Probe.LIVENESS.judge(PRIMARY, later, Question.PLAIN, LIMITS), "observer-stuck");
    }

    @Test
    void startsWhenTheServerHasAnsweredOnce() {
        assertReason(judge(Probe.STARTUP, history(Kind.DOWN)), "down");
        assertReason(judge(Probe.STARTUP, history(Kind.DOWN, primary())), "ok");
        assertReason(judge(Probe.STARTUP, history(Kind.WRONG_INSTANCE, primary())), "wrong-instance");
    }

    @Test
    void startsWhileTheControlFileMoves() {
        Verdict moving = judge(Probe.STARTUP, history(starting(NOW.minusSeconds(100))));
        assertThat(moving.passes()).isTrue();
        assertThat(moving.reason()).isEqualTo("starting");
        assertReason(judge(Probe.STARTUP, history(starting(NOW.minusSeconds(3600)))), "starting");
        assertReason(judge(Probe.STARTUP, history(Kind.STARTING)), "starting");
    }

    @Test
    void wantsAStreamingReplicaToBeReady() {
        assertReason(
                judge(Probe.READINESS, history(replica(1000, 0).cut().after(replica(1000, 1000)))), "not-streaming");
        assertReason(judge(Probe.READINESS, history(replica(1000, 5000))), "lag-exceeded");
    }

    @Test
    void failsWhenNewConnectionsAreRefusedWhateverTheOneAtRestHears() {
        assertReason(judge(Probe.PRIMARY, refused(PRIMARY, Kind.HUNG, 2, 10)), "not-accepting");
        assertReason(judge(Probe.HEALTH, refused(PRIMARY, Kind.SHUTTING_DOWN, 1, 10)), "not-accepting");
        assertReason(judge(Probe.REPLICA, refused(REPLICA, Kind.DOWN, 1, 10)), "not-accepting");
        // one attempt without an answer may be a hiccup
        assertReason(judge(Probe.PRIMARY, refused(PRIMARY, Kind.HUNG, 1, 10)), "ok");
        assertReason(judge(Probe.PRIMARY, refused(PRIMARY, Kind.UNREACHABLE, 1, 10)), "ok");
        // about the role, and about how many sessions there are
        assertReason(judge(Probe.PRIMARY, refused(PRIMARY, Kind.OUT_OF_CONNECTIONS, 5, 10)), "ok");
        assertReason(judge(Probe.PRIMARY, refused(PRIMARY, Kind.AUTHENTICATION_FAILED, 5, 10)), "ok");
        // the session at rest is newer: it is the proof that connections are accepted again
        assertReason(judge(Probe.PRIMARY, refused(PRIMARY, Kind.HUNG, 2, 2000)), "ok");
    }

    @ParameterizedTest
    @CsvSource(textBlock = """
            # probe,          on a primary,  on a replica
            PRIMARY,          writes-paused, not-primary
            REPLICA,          not-replica,   connections-limited
            READ_ONLY,        writes-paused, connections-limited
            READ_ONLY_SYNC,   writes-paused, unknown
            READ_ONLY_QUORUM, writes-paused, unknown
            READINESS,        writes-paused, connections-limited
            HEALTH,           ok,            ok
            LIVENESS,         ok,            ok
            STARTUP,          ok,            ok
            """)
    void answersWhileWritesArePaused(Probe probe, String onPrimary, String onReplica) {
        assertReason(judge(probe, PAUSED_PRIMARY), onPrimary);
        Verdict verdict = judge(probe, PAUSED_REPLICA);
        assertThat(verdict.reason()).isEqualTo(onReplica);
        assertThat(verdict.passes()).isEqualTo(onReplica.equals("ok") || onReplica.equals("connections-limited"));
    }

    @Test
    void tellsHowLongWritesArePaused() {
        assertThat(judge(Probe.PRIMARY, PAUSED_PRIMARY).detail()).contains("generation 7, 30s of its lease are left");
        assertThat(judge(Probe.PRIMARY, history(primary(pause(Duration.ofSeconds(-3)))))
                        .detail())
                .contains("generation 7, 0s of its lease are left");
        WritePause committed = pause("pg-1", 3, Duration.ofSeconds(30), Optional.of("pg-2"));
        Verdict verdict = judge(Probe.PRIMARY, history(primary(committed)));
        assertReason(verdict, "writes-paused");
        assertThat(verdict.detail())
                .contains("generation 7, handed over to pg-2: it resumes here only when ordered to");
    }

    @Test
    void pausesAPrimaryWhoseverThePauseIs() {
        WritePause inherited = pause("pg-9", 2, Duration.ofSeconds(-3), Optional.of("pg-1"));
        assertReason(judge(Probe.PRIMARY, history(primary(inherited))), "writes-paused");
    }

    @Test
    void excusesNoReplicaByAPause() {
        assertReason(judge(Probe.REPLICA, history(replica(1000, 5000).paused(PAUSE))), "lag-exceeded");
        assertReason(
                judge(
                        Probe.READINESS,
                        history(replica(1000, 0)
                                .cut()
                                .after(replica(1000, 1000))
                                .paused(PAUSE))),
                "not-streaming");
    }

    @Test
    void isSupersededRatherThanPaused() {
        for (Probe probe : new Probe[] {Probe.PRIMARY, Probe.READ_ONLY, Probe.READINESS}) {
            assertReason(judge(probe, withPeer(PAUSED_PRIMARY, Role.PRIMARY, 4)), "superseded");
            assertReason(judge(probe, withPeer(PAUSED_PRIMARY, Role.REPLICA, 4)), "superseded");
            assertReason(judge(probe, withPeer(PAUSED_PRIMARY, Role.REPLICA, 3)), "writes-paused");
        }
        assertReason(judge(Probe.HEALTH, withPeer(PAUSED_PRIMARY, Role.PRIMARY, 4)), "ok");
    }

    @Test
    void tellsHaproxyOfAPause() {
        assertThat(AgentCheck.words(judge(Probe.PRIMARY, PAUSED_PRIMARY), PAUSED_PRIMARY))
                .isEqualTo("up drain");
        assertThat(AgentCheck.words(judge(Probe.REPLICA, PAUSED_REPLICA), PAUSED_REPLICA))
                .isEqualTo("up ready");
        History superseded = withPeer(PAUSED_PRIMARY, Role.PRIMARY, 4);
        assertThat(AgentCheck.words(judge(Probe.PRIMARY, superseded), superseded))
                .isEqualTo("ready down #superseded");
    }

    private static History withPeer(History history, Role role, int timeline) {
        PeerInstance word = new PeerInstance(
                "7391",
                role,
                timeline,
                Duration.ZERO,
                Optional.empty(),
                Optional.empty(),
                false,
                List.of(),
                List.of(),
                true,
                Optional.empty(),
                Optional.empty());
        Observations observations = new Observations();
        history.newestFirst().forEach(observations::publish);
        observations.publish(new Peer(
                "pg-2",
                Optional.of(ago(1)),
                Optional.of(word),
                Optional.empty(),
                Optional.of(word),
                Optional.of(ago(1)),
                Optional.empty()));
        return observations.history();
    }

    private static History refused(History history, Kind kind, int times, long secondsAgo) {
        Observations observations = new Observations();
        history.newestFirst().forEach(observations::publish);
        observations.publish(new SlowObservation(
                ago(secondsAgo),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.of(failure(kind)),
                times,
                Optional.empty()));
        return observations.history();
    }

    private static Observation starting(Instant controlFileModified) {
        return new Unanswered(ago(1), Duration.ofMillis(1), failure(Kind.STARTING), Optional.of(controlFileModified));
    }

    private static Verdict judge(Probe probe, History history) {
        return probe.judge(history, ASKED, Question.PLAIN, LIMITS);
    }

    private static void assertReason(Verdict verdict, String reason) {
        assertThat(verdict.reason()).isEqualTo(reason);
        assertThat(verdict.passes()).isEqualTo(reason.equals("ok"));
    }
}
