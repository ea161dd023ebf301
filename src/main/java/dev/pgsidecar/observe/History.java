package dev.pgsidecar.observe;

import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.observe.Observation.Unanswered;
import dev.pgsidecar.postgres.Failure;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The last observations: all that anything decides on.
 *
 * @param newestFirst at most {@value #LENGTH}; empty before the first tick ended
 * @param lastAnswered the newest observation in which the server answered, however old
 * @param slow the newest of the slow tick
 * @param failures how many observations have failed since the agent began, by the failure's name
 * @param peers the configured peers by name
 * @param began when the agent began
 * @param beat when the observer's loop last went round
 */
public record History(
        List<Observation> newestFirst,
        Optional<Answered> lastAnswered,
        Optional<SlowObservation> slow,
        Map<Failure.Kind, Long> failures,
        Map<String, Peer> peers,
        Moment began,
        Moment beat) {

    /** Twice the longest {@code rise} or {@code fall}, so that a verdict never rests on the edge of what is kept. */
    public static final int LENGTH = 60;

    static History beginning(Moment began) {
        return new History(List.of(), Optional.empty(), Optional.empty(), Map.of(), Map.of(), began, began);
    }

    /** The newest observation. */
    public Optional<Observation> latest() {
        return newestFirst.stream().findFirst();
    }

    /** Why the server takes no connections, if that was seen after this moment. */
    public Optional<Failure> refusal(Moment after) {
        return slow.filter(attempt -> attempt.at().nanos() - after.nanos() > 0).flatMap(SlowObservation::refusal);
    }

    History with(Observation next) {
        List<Observation> observations = Stream.concat(Stream.of(next), newestFirst.stream())
                .limit(LENGTH)
                .toList();
        Optional<Answered> answered = next instanceof Answered now ? Optional.of(now) : lastAnswered;
        return new History(observations, answered, slow, counted(next), peers, began, next.at());
    }

    History with(SlowObservation next) {
        return new History(newestFirst, lastAnswered, Optional.of(next), failures, peers, began, beat);
    }

    History with(Peer next) {
        Map<String, Peer> changed = new TreeMap<>(peers);
        changed.put(next.name(), next);
        return new History(
                newestFirst, lastAnswered, slow, failures, Collections.unmodifiableMap(changed), began, beat);
    }

    private Map<Failure.Kind, Long> counted(Observation next) {
        if (!(next instanceof Unanswered unanswered)) {
            return failures;
        }
        Map<Failure.Kind, Long> counts = new EnumMap<>(Failure.Kind.class);
        counts.putAll(failures);
        counts.merge(unanswered.failure().kind(), 1L, Long::sum);
        return Collections.unmodifiableMap(counts);
    }
}
