package dev.pgsidecar.probe;

import dev.pgsidecar.observe.History;
import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Observation.Unanswered;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.postgres.Failure;
import java.time.Duration;
import java.util.Optional;

/**
 * The questions that the open listener answers. Each is a pure function of the history, the moment and the query: it
 * asks nobody and waits for nothing.
 */
enum Probe {
    /** A primary that accepts connections. It is not a leader lock: without peers, another primary is not seen. */
    PRIMARY {
        @Override
        Verdict judge(History history, Moment now, Question question, Limits limits) {
            return seen(history, now, limits, Probe::primary);
        }
    },
    /** A replica that accepts reads and is near enough to its upstream. */
    REPLICA {
        @Override
        Verdict judge(History history, Moment now, Question question, Limits limits) {
            return seen(history, now, limits, instance -> new ReplicaRule(limits, question).judge(history, instance));
        }
    },
    /** Either of the two. */
    READ_ONLY {
        @Override
        Verdict judge(History history, Moment now, Question question, Limits limits) {
            return seen(
                    history,
                    now,
                    limits,
                    instance -> instance.role() == Role.PRIMARY
                            ? primary(instance)
                            : new ReplicaRule(limits, question).judge(history, instance));
        }
    },
    /** A primary, or a synchronous replica; which replica is one, only its upstream knows. */
    READ_ONLY_SYNC {
        @Override
        Verdict judge(History history, Moment now, Question question, Limits limits) {
            return seen(
                    history,
                    now,
                    limits,
                    instance -> instance.role() == Role.PRIMARY ? primary(instance) : syncStateUnknown());
        }
    },
    /** A replica with a certain sync state; only its upstream knows. */
    SYNC_STATE {
        @Override
        Verdict judge(History history, Moment now, Question question, Limits limits) {
            return seen(
                    history,
                    now,
                    limits,
                    instance -> instance.role() == Role.PRIMARY ? notReplica() : syncStateUnknown());
        }
    },
    /** The leader of a standby cluster. */
    STANDBY_LEADER {
        @Override
        Verdict judge(History history, Moment now, Question question, Limits limits) {
            return Verdict.fail("no-cluster-manager", "pgsidecar leads no standby cluster");
        }
    },
    /** A server that accepts connections, whatever its role. */
    HEALTH {
        @Override
        Verdict judge(History history, Moment now, Question question, Limits limits) {
            return seen(history, now, limits, instance -> Verdict.pass());
        }
    },
    /** The agent itself: its observer goes round, whatever it sees. */
    LIVENESS {
        @Override
        Verdict judge(History history, Moment now, Question question, Limits limits) {
            Duration age = history.beat().ageAt(now);
            return age.compareTo(limits.deadAfter()) <= 0
                    ? Verdict.pass()
                    : Verdict.fail("observer-stuck", "its last round ended %ds ago".formatted(age.toSeconds()));
        }
    },
    /** A primary, or a replica that streams within the limit. */
    READINESS {
        @Override
        Verdict judge(History history, Moment now, Question question, Limits limits) {
            Question streaming =
                    new Question(question.lag(), question.lagTime(), true, question.received(), question.tag());
            return READ_ONLY.judge(history, now, streaming, limits);
        }
    },
    /** The server has answered, or is on its way: it refuses connections, and replays WAL. */
    STARTUP {
        @Override
        Verdict judge(History history, Moment now, Question question, Limits limits) {
            Optional<Unanswered> trouble =
                    history.latest().filter(Unanswered.class::isInstance).map(Unanswered.class::cast);
            boolean wrong = trouble.filter(seen -> seen.failure().kind() == Failure.Kind.WRONG_INSTANCE)
                    .isPresent();
            if (history.lastAnswered().isPresent() && !wrong) {
                return Verdict.pass();
            }
            return trouble.map(seen -> seen.failure().kind() == Failure.Kind.STARTING
                            ? starting(seen, now)
                            : Verdict.fail(seen.failure()))
                    .orElseGet(() -> Verdict.fail("no-observation", "the first observation has not ended yet"));
        }
    };

    /** A server that replays writes pg_control at each restartpoint: once per checkpoint_timeout, by default 5 min. */
    private static final Duration MOVES_WITHIN = Duration.ofMinutes(6);

    /** The answer, as of the moment. */
    abstract Verdict judge(History history, Moment now, Question question, Limits limits);

    private interface Judgement {
        Verdict of(Instance instance);
    }

    private static Verdict seen(History history, Moment now, Limits limits, Judgement judgement) {
        return switch (Sight.of(history, now, limits)) {
            case Sight.Blocked blocked -> blocked.why();
            case Sight.Clear clear -> judgement.of(clear.instance());
        };
    }

    private static Verdict primary(Instance instance) {
        return instance.role() == Role.PRIMARY
                ? Verdict.pass()
                : Verdict.fail(
                        "not-primary", "the instance is " + instance.role().id());
    }

    private static Verdict notReplica() {
        return Verdict.fail(ReplicaRule.NOT_REPLICA, "the instance is primary");
    }

    private static Verdict syncStateUnknown() {
        return Verdict.fail("unknown", "the sync state is known to the upstream only, and no peer is configured");
    }

    private static Verdict starting(Unanswered seen, Moment now) {
        boolean moves = seen.controlFileModified()
                .filter(written -> Duration.between(written, now.wall()).compareTo(MOVES_WITHIN) <= 0)
                .isPresent();
        return moves
                ? Verdict.pass("starting", "the server refuses connections yet, and writes pg_control")
                : Verdict.fail(seen.failure());
    }
}
