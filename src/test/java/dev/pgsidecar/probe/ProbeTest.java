package dev.pgsidecar.probe;

import static dev.pgsidecar.observe.Pictures.ASKED;
import static dev.pgsidecar.observe.Pictures.NOW;
import static dev.pgsidecar.observe.Pictures.ago;
import static dev.pgsidecar.observe.Pictures.failure;
import static dev.pgsidecar.observe.Pictures.history;
import static dev.pgsidecar.observe.Pictures.primary;
import static dev.pgsidecar.observe.Pictures.replica;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.config.ByteSize;
import dev.pgsidecar.observe.History;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Observation;
import dev.pgsidecar.observe.Observation.Unanswered;
import dev.pgsidecar.observe.Observations;
import dev.pgsidecar.observe.SlowObservation;
import dev.pgsidecar.postgres.Failure.Kind;
import java.time.Duration;
import java.time.Instant;
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
