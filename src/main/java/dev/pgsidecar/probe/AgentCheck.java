package dev.pgsidecar.probe;

import dev.pgsidecar.postgres.Failure.Kind;
import java.util.Set;

/**
 * A verdict in the words of HAProxy's agent-check. Each answer tells both states that HAProxy keeps, the administrative
 * one ({@code ready}, {@code drain}, {@code maint}) and the operational one ({@code up}, {@code down}), so that none is
 * left over from the answer before.
 *
 * @see <a href="https://docs.haproxy.org/2.6/configuration.html#5.2-agent-check">agent-check</a>
 */
final class AgentCheck {

    /** Somebody shut the server down: nothing is wrong, and nobody has to be woken. */
    private static final Set<String> MAINTENANCE = Set.of(Kind.SHUTTING_DOWN.id(), Kind.STOPPED.id());

    /** It takes no new sessions, or should not; those it has are as good as they were. */
    private static final Set<String> DRAINING = Set.of(
            ReplicaRule.LAG_EXCEEDED,
            ReplicaRule.LAG_UNKNOWN,
            ReplicaRule.NOT_STREAMING,
            ReplicaRule.RISING,
            Sight.NOT_ACCEPTING,
            Kind.OUT_OF_CONNECTIONS.id());

    private AgentCheck() {}

    static String words(Verdict verdict) {
        if (verdict.passes()) {
            return "up ready";
        }
        if (MAINTENANCE.contains(verdict.reason())) {
            return "maint";
        }
        return DRAINING.contains(verdict.reason()) ? "up drain" : down(verdict.reason());
    }

    /** Out, and why; HAProxy shows it in its log and statistics. */
    static String down(String reason) {
        return "ready down #" + reason;
    }
}
