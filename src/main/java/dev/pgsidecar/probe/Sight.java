package dev.pgsidecar.probe;

import dev.pgsidecar.observe.History;
import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Observation;
import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.observe.Observation.Unanswered;

/** What every question about the server begins with: is it known, now, and does it accept connections? */
sealed interface Sight {

    /** The reason when the connection at rest is answered and a fresh one is refused. */
    String NOT_ACCEPTING = "not-accepting";

    /** The reason when the last observation is too old. */
    String STALE = "stale";

    /** The reason before the first one. */
    String NO_OBSERVATION = "no-observation";

    /** It is: this is the instance. */
    record Clear(Instance instance) implements Sight {}

    /** It is not. */
    record Blocked(Verdict why) implements Sight {}

    static Sight of(History history, Moment now, Limits limits) {
        if (history.latest().isEmpty()) {
            return new Blocked(Verdict.fail(NO_OBSERVATION, "the first observation has not ended yet"));
        }
        Observation latest = history.latest().get();
        if (!latest.isFresh(now, limits.staleAfter())) {
            return new Blocked(Verdict.fail(
                    STALE,
                    "the last observation is older than %dms"
                            .formatted(limits.staleAfter().toMillis())));
        }
        return switch (latest) {
            case Unanswered unanswered -> new Blocked(Verdict.fail(unanswered.failure()));
            case Answered answered ->
                // the connection at rest may be answered while no new one is, as in a smart shutdown
                history.refusal(answered.connected())
                        .<Sight>map(why -> new Blocked(Verdict.fail(
                                NOT_ACCEPTING,
                                "the server refuses new connections: "
                                        + why.kind().id())))
                        .orElseGet(() -> new Clear(answered.instance()));
        };
    }
}
