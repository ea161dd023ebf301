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
    /** A primary that accepts writes. It is not a leader lock: without peers, another primary is not seen. */
    PRIMARY((instance, asked) -> asked.primary(instance)),
    /** A replica that accepts reads and is near enough to its upstream. */
    REPLICA((instance, asked) -> asked.replica(instance, asked.question)),
    /** Either of the two. */
    READ_ONLY((instance, asked) -> asked.either(instance, asked.question)),
    /** A primary, or a synchronous replica. */
    READ_ONLY_SYNC((instance, asked) ->
            isPrimary(instance) ? asked.primary(instance) : asked.inSync(instance, SyncState.SYNC)),
    /** A primary, or a replica that its upstream counts in a quorum. */
    READ_ONLY_QUORUM((instance, asked) ->
            isPrimary(instance) ? asked.primary(instance) : asked.inSync(instance, SyncState.QUORUM)),
    /** A synchronous replica. */
    SYNC((instance, asked) -> asked.inSync(instance, SyncState.SYNC)),
    /** A replica that no commit waits for. */
    ASYNC((instance, asked) -> asked.inSync(instance, SyncState.ASYNC)),
    /** A replica that its upstream counts in a quorum. */
    QUORUM((instance, asked) -> asked.inSync(instance, SyncState.QUORUM)),
    /** The leader of a standby cluster. */
    STANDBY_LEADER(asked -> Verdict.fail("no-cluster-manager", "pgsidecar leads no standby cluster")),
    /** A server that accepts connections, whatever its role. */
    HEALTH((instance, asked) -> Verdict.pass()),
    /** The agent itself: its observer goes round, whatever it sees. */
    LIVENESS(asked -> liveness(asked)),
    /** A primary, or a replica that streams within the limit. */
    READINESS((instance, asked) -> asked.either(instance, asked.question.andStreaming())),
    /** The server has answered, or is on its way: it refuses connections, and replays WAL. */
    STARTUP(asked -> startup(asked));

    /** A standby that replays writes pg_control at each restartpoint: once per checkpoint_timeout, by default 5 min. */
    private static final Duration MOVES_WITHIN = Duration.ofMinutes(6);

    private final OfTheAgent rule;

    Probe(OfTheInstance rule) {
        this.rule = asked -> switch (Sight.of(asked.history, asked.now, asked.limits)) {
            case Sight.Blocked blocked -> blocked.why();
            case Sight.Clear clear -> rule.judge(clear.instance(), asked);
        };
    }

    Probe(OfTheAgent rule) {
        this.rule = rule;
    }

    /** The answer, as of the moment. */
    Verdict judge(History history, Moment now, Question question, Limits limits) {
        return rule.judge(new Asked(history, now, question, limits));
    }

    /** A question about the instance, which is asked only while that is in sight. */
    private interface OfTheInstance {
        Verdict judge(Instance instance, Asked asked);
    }

    /** A question that has an answer without it. */
    private interface OfTheAgent {
        Verdict judge(Asked asked);
    }

    /** All that an answer depends on. */
    private record Asked(History history, Moment now, Question question, Limits limits) {

        Verdict replica(Instance instance, Question how) {
            Verdict verdict = new ReplicaRule(limits, how).judge(history, instance);
            return verdict.equals(Verdict.pass())
                            && instance.streaming()
                            && instance.facts().writePause().isPresent()
                    ? Paused.ofTheUpstream()
                    : verdict;
        }

        Verdict either(Instance instance, Question how) {
            return isPrimary(instance) ? primary(instance) : replica(instance, how);
        }

        Verdict primary(Instance instance) {
            if (!isPrimary(instance)) {
                return Verdict.fail(
                        "not-primary", "the instance is " + instance.role().id());
            }
            return new Superseded(limits)
                    .judge(history, instance, now)
                    .or(() -> Paused.judge(instance))
                    .orElseGet(Verdict::pass);
        }

        Verdict inSync(Instance instance, SyncState wanted) {
            Verdict asReplica = replica(instance, question);
            return asReplica.passes() ? wanted.judge(history, instance, now, limits) : asReplica;
        }
    }

    private static boolean isPrimary(Instance instance) {
        return instance.role() == Role.PRIMARY;
    }

    private static Verdict liveness(Asked asked) {
        Duration age = asked.history.beat().ageAt(asked.now);
        return age.compareTo(asked.limits.deadAfter()) <= 0
                ? Verdict.pass()
                : Verdict.fail("observer-stuck", "its last round ended %ds ago".formatted(age.toSeconds()));
    }

    private static Verdict startup(Asked asked) {
        Optional<Unanswered> trouble =
                asked.history.latest().filter(Unanswered.class::isInstance).map(Unanswered.class::cast);
        boolean wrong = trouble.filter(seen -> seen.failure().kind() == Failure.Kind.WRONG_INSTANCE)
                .isPresent();
        if (asked.history.lastAnswered().isPresent() && !wrong) {
            return Verdict.pass();
        }
        return trouble.map(seen -> moves(seen, asked.now)
                        ? Verdict.pass("starting", "the server refuses connections yet, and writes pg_control")
                        : Verdict.fail(seen.failure()))
                .orElseGet(() -> Verdict.fail("no-observation", "the first observation has not ended yet"));
    }

    private static boolean moves(Unanswered seen, Moment now) {
        return seen.failure().kind() == Failure.Kind.STARTING
                && seen.controlFileModified()
                        .filter(written -> Duration.between(written, now.wall()).compareTo(MOVES_WITHIN) <= 0)
                        .isPresent();
    }
}
