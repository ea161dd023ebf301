package dev.pgsidecar.observe;

import dev.pgsidecar.postgres.Failure;
import dev.pgsidecar.postgres.catalog.Contents;
import dev.pgsidecar.postgres.catalog.PartitionSet;
import dev.pgsidecar.postgres.catalog.Partman;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The partition sets of one database, as they were at one moment.
 *
 * @param at when it was asked
 * @param partman absent if it could not be asked
 * @param maintainers who else maintains them: pg_cron's jobs and pg_partman's background worker
 * @param unseen what may maintain them, too, and cannot be seen
 * @param failure why nothing newer is known; the sets are those of the last answer then
 */
public record PartitionSurvey(
        String database,
        Moment at,
        Optional<Partman> partman,
        List<String> maintainers,
        Optional<String> unseen,
        List<Seen> sets,
        Optional<Failure> failure) {

    /**
     * One set.
     *
     * @param contents absent if they could not be looked at
     * @param trouble why they could not
     * @param perSecond in a set by number, how fast its numbers are used up
     */
    public record Seen(
            PartitionSet set, Optional<Contents> contents, Optional<String> trouble, Optional<Double> perSecond) {

        /** Until rows that come in find no partition but the default one; absent where that cannot be told. */
        public Optional<Duration> timeLeft() {
            return contents.flatMap(inside -> inside.timeLeft(set)).or(() -> {
                OptionalLong left = contents.map(inside -> inside.left(set)).orElse(OptionalLong.empty());
                return left.isPresent()
                        ? perSecond
                                .filter(rate -> rate > 0)
                                .map(rate -> Duration.ofSeconds((long) (left.getAsLong() / rate)))
                        : Optional.empty();
            });
        }
    }

    static PartitionSurvey unasked(String database) {
        return new PartitionSurvey(
                database, Moment.now(), Optional.empty(), List.of(), Optional.empty(), List.of(), Optional.empty());
    }

    PartitionSurvey failed(Failure why) {
        return new PartitionSurvey(database, at, partman, maintainers, unseen, sets, Optional.of(why));
    }

    /** The set of this name. */
    public Optional<Seen> set(String name) {
        return sets.stream().filter(seen -> seen.set().name().equals(name)).findFirst();
    }
}
