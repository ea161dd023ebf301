package dev.pgsidecar.probe;

import dev.pgsidecar.observe.History;
import dev.pgsidecar.observe.Observation.Unanswered;
import dev.pgsidecar.postgres.Failure.Kind;
import java.util.Optional;
import java.util.Set;

/**
 * A verdict in the words of HAProxy's agent-check. A single answer is enough for HAProxy to act on (its {@code fall} is
 * for health checks only), so what may be a hiccup is left to the health check beside it.
 *
 * @see <a href="https://docs.haproxy.org/2.6/configuration.html#5.2-agent-check">agent-check</a>
 */
final class AgentCheck {

    /** Ends a maintenance or a drain that an earlier answer began, and says nothing of up and down. */
    private static final String READY = "ready";

    /** It takes no new sessions, or should not; those that it has are as good as they were, or end by themselves. */
    private static final Set<String> DRAINING = Set.of(
            ReplicaRule.LAG_EXCEEDED,
            ReplicaRule.LAG_UNKNOWN,
            ReplicaRule.NOT_STREAMING,
            ReplicaRule.RISING,
            Sight.NOT_ACCEPTING,
            Paused.REASON,
            Kind.OUT_OF_CONNECTIONS.id(),
            Kind.SHUTTING_DOWN.id());

    /** One stalled observation must not end every session. */
    private static final Set<String> MAYBE_A_HICCUP = Set.of(
            Kind.HUNG.id(),
            Kind.CONNECTION_LOST.id(),
            Kind.QUERY_TIMED_OUT.id(),
            Kind.QUERY_FAILED.id(),
            Kind.UNREACHABLE.id(),
            Kind.STARTING.id(),
            Sight.STALE,
            Sight.NO_OBSERVATION,
            Superseded.ASKING);

    private AgentCheck() {}

    static String words(Verdict verdict, History history) {
        if (verdict.passes()) {
            return "up " + READY;
        }
        if (verdict.reason().equals(Kind.STOPPED.id()) || startsAfterAStop(verdict, history)) {
            return "maint";
        }
        if (DRAINING.contains(verdict.reason())) {
            return "up drain";
        }
        return MAYBE_A_HICCUP.contains(verdict.reason()) ? READY : down(verdict.reason());
    }

    /** Out, and why; HAProxy shows it in its log and statistics. */
    static String down(String reason) {
        return READY + " down #" + reason;
    }

    /** A restart is one maintenance from its stop to its first answer. */
    private static boolean startsAfterAStop(Verdict verdict, History history) {
        return verdict.reason().equals(Kind.STARTING.id())
                && history.newestFirst().stream()
                        .map(seen -> seen instanceof Unanswered unanswered
                                ? Optional.of(unanswered.failure().kind())
                                : Optional.<Kind>empty())
                        .dropWhile(Optional.of(Kind.STARTING)::equals)
                        .findFirst()
                        .equals(Optional.of(Optional.of(Kind.STOPPED)));
    }
}
