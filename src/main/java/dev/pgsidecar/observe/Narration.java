package dev.pgsidecar.observe;

import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.observe.Observation.Unanswered;
import dev.pgsidecar.postgres.Failure;
import java.util.Optional;

/** Tells in the log what changed from one observation to the next, and nothing where nothing did. */
final class Narration {

    private Narration() {}

    static Optional<String> between(History before, Observation next) {
        String now = headline(next);
        boolean same =
                before.latest().filter(last -> headline(last).equals(now)).isPresent();
        return same ? Optional.empty() : Optional.of(now + detail(next));
    }

    static Optional<String> between(SlowObservation before, SlowObservation next) {
        Optional<Failure> failure = next.connectFailure().or(next::queryFailure);
        boolean same = before.connectFailure()
                .or(before::queryFailure)
                .map(Failure::kind)
                .equals(failure.map(Failure::kind));
        return same ? Optional.empty() : failure.map(what -> "on a fresh connection: " + what);
    }

    private static String headline(Observation observation) {
        return switch (observation) {
            case Answered answered -> {
                Instance instance = answered.instance();
                yield "%s%s, timeline %d, system_identifier %s"
                        .formatted(
                                instance.role().id(),
                                instance.recoveryState()
                                        .map(state -> " " + state.id())
                                        .orElse(""),
                                instance.timeline(),
                                instance.facts().server().systemIdentifier());
            }
            case Unanswered unanswered -> unanswered.failure().kind().id();
        };
    }

    private static String detail(Observation observation) {
        return switch (observation) {
            case Answered answered ->
                ", PostgreSQL " + answered.instance().facts().server().version()
                        + (answered.instance().unseen().isEmpty()
                                ? ""
                                : "; not visible to the agent's role: "
                                        + answered.instance().unseen());
            case Unanswered unanswered -> ": " + unanswered.failure().cause();
        };
    }
}
