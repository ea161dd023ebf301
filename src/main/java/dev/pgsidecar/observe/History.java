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
 * @param partitions the partition sets of the configured databases, by database
 * @param partitionRuns how the last maintenance of each set ended
 * @param conversions those that are not over, by database
 * @param began when the agent began
 * @param beat when the observer's loop last went round
 */
public record History(
        List<Observation> newestFirst,
        Optional<Answered> lastAnswered,
        Optional<SlowObservation> slow,
        Map<Failure.Kind, Long> failures,
        Map<String, Peer> peers,
        Map<String, PartitionSurvey> partitions,
        Map<String, PartitionRun> partitionRuns,
        Map<String, ConversionSurvey> conversions,
        Moment began,
        Moment beat) {

    /** Twice the longest {@code rise} or {@code fall}, so that a verdict never rests on the edge of what is kept. */
    public static final int LENGTH = 60;

    static History beginning(Moment began) {
        return new History(
                List.of(),
                Optional.empty(),
                Optional.empty(),
                Map.of(),
                Map.of(),
                Map.of(),
                Map.of(),
                Map.of(),
                began,
                began);
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
        return new History(
                observations,
                answered,
                slow,
                counted(next),
                peers,
                partitions,
                partitionRuns,
                conversions,
                began,
                next.at());
    }

    History with(SlowObservation next) {
        return new History(
                newestFirst,
                lastAnswered,
                Optional.of(next),
                failures,
                peers,
                partitions,
                partitionRuns,
                conversions,
                began,
                beat);
    }

    History with(Peer next) {
        return new History(
                newestFirst,
                lastAnswered,
                slow,
                failures,
                with(peers, next.name(), next),
                partitions,
                partitionRuns,
                conversions,
                began,
                beat);
    }

    History with(PartitionSurvey next) {
        return new History(
                newestFirst,
                lastAnswered,
                slow,
                failures,
                peers,
                with(partitions, next.database(), next),
                partitionRuns,
                conversions,
                began,
                beat);
    }

    History with(PartitionRun next) {
        Optional<PartitionRun> before = partitionRun(next.database(), next.set());
        return new History(
                newestFirst,
                lastAnswered,
                slow,
                failures,
                peers,
                partitions,
                with(partitionRuns, key(next.database(), next.set()), next.after(before)),
                conversions,
                began,
                beat);
    }

    History with(ConversionSurvey next) {
        return new History(
                newestFirst,
                lastAnswered,
                slow,
                failures,
                peers,
                partitions,
                partitionRuns,
                with(conversions, next.database(), next),
                began,
                beat);
    }

    /** How the last maintenance of this set ended. */
    public Optional<PartitionRun> partitionRun(String database, String set) {
        return Optional.ofNullable(partitionRuns.get(key(database, set)));
    }

    private static String key(String database, String set) {
        return database + "/" + set;
    }

    private static <T> Map<String, T> with(Map<String, T> before, String name, T next) {
        Map<String, T> changed = new TreeMap<>(before);
        changed.put(name, next);
        return Collections.unmodifiableMap(changed);
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
