package dev.pgsidecar.postgres.catalog;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What is in a partition set, as of one moment.
 *
 * @param now the server's clock, as a point on the axis of a set by time
 * @param emptyAtTheEnd how many of the newest partitions are empty; it is not looked further than one more than premake
 * @param largest in a set by number the largest value outside the default partition; absent if it is empty
 * @param retentionEdge rows before this point are older than the retention; absent where there is none
 * @param defaultRows how many rows are in the default partition; counted up to {@value #MOST_COUNTED}
 * @param strayRows how many of them can have no partition: infinity, or NULL
 * @param farthest the largest value among the others
 * @param ranges which partitions these rows would belong to, by their bounds; at most {@value #MOST_RANGES}
 * @param moreRanges whether there are more, or may be
 * @param elsewhere whether the newest partition was named in another time zone than UTC
 */
public record Contents(
        long now,
        int emptyAtTheEnd,
        OptionalLong largest,
        OptionalLong retentionEdge,
        long defaultRows,
        long strayRows,
        OptionalLong farthest,
        List<Range> ranges,
        boolean moreRanges,
        boolean elsewhere) {

    public static final int MOST_COUNTED = 1_000_000;

    /** With more, a look does not tell what they are. */
    public static final int MOST_EXPLAINED = 100_000;

    /** In a look; who works on them sees more. */
    public static final int MOST_RANGES = 50;

    /**
     * A partition that is missing.
     *
     * @param from its lower bound, a point on the set's axis
     * @param to its upper bound
     * @param rows that are in the default partition instead
     */
    public record Range(long from, long to, long rows) {}

    /** Where rows come in now: the present, or the largest number. */
    public OptionalLong front(PartitionSet set) {
        return set.byTime() ? OptionalLong.of(now) : largest;
    }

    /** How long, on the set's axis, until rows that come in find no partition but the default one. */
    public OptionalLong left(PartitionSet set) {
        OptionalLong front = front(set);
        return front.isPresent() && !set.isPartition() // that one ends where its own range does
                ? OptionalLong.of(set.coveredFrom(front.getAsLong()) - front.getAsLong())
                : OptionalLong.empty();
    }

    /** The same in time, where it is one. */
    public Optional<Duration> timeLeft(PartitionSet set) {
        OptionalLong left = left(set);
        return set.byTime() && left.isPresent()
                ? Optional.of(Duration.of(left.getAsLong(), ChronoUnit.MICROS))
                : Optional.empty();
    }

    /** The partitions that retention would drop. */
    public List<Partition> retentionDue(PartitionSet set) {
        return retentionEdge.isPresent() ? set.before(retentionEdge.getAsLong()) : List.of();
    }

    /** How many partitions lie between the newest one and this point, as long as that one. */
    public static long partitionsUpTo(long point, PartitionSet set) {
        if (set.newest().isEmpty()) {
            return 0;
        }
        Partition newest = set.newest().get();
        if (newest.from().isEmpty() || newest.to().isEmpty()) {
            return 0; // it has no end
        }
        long length = newest.to().getAsLong() - newest.from().getAsLong();
        return (point - newest.from().getAsLong()) / length;
    }
}
