package dev.pgsidecar.observe;

import dev.pgsidecar.postgres.Failure;
import dev.pgsidecar.postgres.catalog.SlowFacts;
import dev.pgsidecar.postgres.catalog.Statistics;
import java.util.Optional;

/**
 * How the last fresh connection went, and the slow facts that were asked on one. A failure to open one says that the
 * server takes none, whatever the connection at rest still hears.
 *
 * @param at when the attempt ended
 * @param facts the newest there are
 * @param statistics the newest there are
 * @param connectFailure why no connection could be opened
 * @param failuresInARow how many attempts to connect have failed since the last that did not
 * @param queryFailure why the facts could not be had when they were due
 */
public record SlowObservation(
        Moment at,
        Optional<SlowFacts> facts,
        Optional<Statistics> statistics,
        Optional<Failure> connectFailure,
        int failuresInARow,
        Optional<Failure> queryFailure) {

    /**
     * Why the server takes no connections. One attempt without an answer may be a hiccup of this host or of the network:
     * it takes two. What is about the agent's role, or about how many sessions there are, is no such reason.
     */
    public Optional<Failure> refusal() {
        return connectFailure.filter(failure -> switch (failure.kind()) {
            case DOWN, STARTING, SHUTTING_DOWN -> true;
            case HUNG, UNREACHABLE -> failuresInARow >= 2;
            default -> false;
        });
    }

    static SlowObservation beginning(Moment at) {
        return new SlowObservation(at, Optional.empty(), Optional.empty(), Optional.empty(), 0, Optional.empty());
    }

    SlowObservation connected() {
        return new SlowObservation(Moment.now(), facts, statistics, Optional.empty(), 0, queryFailure);
    }

    SlowObservation refused(Failure failure) {
        return new SlowObservation(
                Moment.now(), facts, statistics, Optional.of(failure), failuresInARow + 1, queryFailure);
    }

    SlowObservation answered(SlowFacts newest) {
        return new SlowObservation(
                Moment.now(), Optional.of(newest), statistics, Optional.empty(), 0, Optional.empty());
    }

    SlowObservation answered(Statistics newest) {
        return new SlowObservation(Moment.now(), facts, Optional.of(newest), Optional.empty(), 0, queryFailure);
    }

    SlowObservation unanswered(Failure failure) {
        return new SlowObservation(Moment.now(), facts, statistics, Optional.empty(), 0, Optional.of(failure));
    }
}
