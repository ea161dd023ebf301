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

    /** Of the fresh connections only what the observer does not say itself. */
    static Optional<String> between(SlowObservation before, SlowObservation next, Optional<Observation> latest) {
        Optional<Failure.Kind> was = kind(before);
        Optional<Failure.Kind> is = kind(next);
        boolean saidAnyway = latest.filter(seen -> seen instanceof Unanswered).isPresent();
        if (was.equals(is) || saidAnyway) {
            return Optional.empty();
        }
        return Optional.of(
                "on a fresh connection: " + failure(next).map(Failure::toString).orElse("all is well again"));
    }

    private static Optional<Failure.Kind> kind(SlowObservation observation) {
        return failure(observation).map(Failure::kind);
    }

    private static Optional<Failure> failure(SlowObservation observation) {
        return observation.connectFailure().or(observation::queryFailure);
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
