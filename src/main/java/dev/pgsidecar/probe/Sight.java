package dev.pgsidecar.probe;

import dev.pgsidecar.observe.History;
import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Observation;
import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.observe.Observation.Unanswered;
import dev.pgsidecar.postgres.Failure;
import java.util.Optional;

/** What every question about the server begins with: is it known, now, and does it accept connections? */
sealed interface Sight {

    /** It is: this is the instance. */
    record Clear(Instance instance) implements Sight {}

    /** It is not. */
    record Blocked(Verdict why) implements Sight {}

    static Sight of(History history, Moment now, Limits limits) {
        if (history.latest().isEmpty()) {
            return new Blocked(Verdict.fail("no-observation", "the first observation has not ended yet"));
        }
        Observation latest = history.latest().get();
        if (latest.at().ageAt(now).compareTo(limits.staleAfter()) > 0) {
            return new Blocked(Verdict.fail(
                    "stale",
                    "the last observation is older than %dms"
                            .formatted(limits.staleAfter().toMillis())));
        }
        return switch (latest) {
            case Unanswered unanswered -> new Blocked(Verdict.fail(unanswered.failure()));
            case Answered answered ->
                refusesConnections(history, answered)
                        .<Sight>map(why -> new Blocked(Verdict.fail(
                                "not-accepting",
                                "the server refuses new connections: "
                                        + why.kind().id())))
                        .orElseGet(() -> new Clear(answered.instance()));
        };
    }

    /** The connection at rest may answer while no new one is accepted, as in a smart shutdown. */
    private static Optional<Failure> refusesConnections(History history, Answered answered) {
        return history.refusal(answered.connected()).filter(failure -> switch (failure.kind()) {
            case DOWN, HUNG, STARTING, SHUTTING_DOWN, UNREACHABLE -> true;
            default -> false; // about the agent's role, or about how many sessions there are
        });
    }
}
