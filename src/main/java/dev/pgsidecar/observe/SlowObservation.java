package dev.pgsidecar.observe;

import dev.pgsidecar.postgres.Failure;
import dev.pgsidecar.postgres.catalog.SlowFacts;
import dev.pgsidecar.postgres.catalog.Statistics;
import java.time.Duration;
import java.util.Optional;

/**
 * How the last fresh connection went, and the slow facts that were asked on one. A failure to open one says that the
 * server takes none, whatever the connection at rest still hears.
 *
 * @param at when the attempt ended
 * @param facts the newest there are
 * @param factsAt when they were answered
 * @param statistics the newest there are
 * @param statisticsAt when they were answered
 * @param connectFailure why no connection could be opened
 * @param failuresInARow how many attempts to connect have failed since the last that did not
 * @param queryFailure why the facts could not be had when they were due
 */
public record SlowObservation(
        Moment at,
        Optional<SlowFacts> facts,
        Optional<Moment> factsAt,
        Optional<Statistics> statistics,
        Optional<Moment> statisticsAt,
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

    /** The facts, if they are no older than this. */
    public Optional<SlowFacts> facts(Moment now, Duration most) {
        return facts.filter(some -> isWithin(factsAt, now, most));
    }

    /** The statistics, if they are no older than this. */
    public Optional<Statistics> statistics(Moment now, Duration most) {
        return statistics.filter(some -> isWithin(statisticsAt, now, most));
    }

    private static boolean isWithin(Optional<Moment> at, Moment now, Duration most) {
        return at.orElseThrow().ageAt(now).compareTo(most) <= 0;
    }

    static SlowObservation beginning(Moment at) {
        return new SlowObservation(
                at,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                0,
                Optional.empty());
    }

    SlowObservation connected() {
        return attempted(Optional.empty(), 0, queryFailure);
    }

    SlowObservation refused(Failure failure) {
        return attempted(Optional.of(failure), failuresInARow + 1, queryFailure);
    }

    SlowObservation unanswered(Failure failure) {
        return attempted(Optional.empty(), 0, Optional.of(failure));
    }

    private SlowObservation attempted(Optional<Failure> connecting, int failed, Optional<Failure> querying) {
        return new SlowObservation(
                Moment.now(), facts, factsAt, statistics, statisticsAt, connecting, failed, querying);
    }

    SlowObservation answered(SlowFacts newest) {
        Moment now = Moment.now();
        return new SlowObservation(
                now,
                Optional.of(newest),
                Optional.of(now),
                statistics,
                statisticsAt,
                Optional.empty(),
                0,
                Optional.empty());
    }

    SlowObservation answered(Statistics newest) {
        Moment now = Moment.now();
        return new SlowObservation(
                now, facts, factsAt, Optional.of(newest), Optional.of(now), Optional.empty(), 0, queryFailure);
    }
}
