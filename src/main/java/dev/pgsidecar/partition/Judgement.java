package dev.pgsidecar.partition;

import dev.pgsidecar.postgres.catalog.Contents;
import dev.pgsidecar.postgres.catalog.PartitionSet;
import dev.pgsidecar.postgres.catalog.PartitionSet.Unit;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What is to be said of a set before and after its maintenance: pure functions of what is in it. */
final class Judgement {

    /** More new partitions at once than these are an accident, as by one row of the year 2999. */
    static final int MOST_AT_ONCE = 100;

    /** A lock that was not had, a deadlock, a serialization failure, a statement or a session that was ended. */
    private static final Set<String> PASSING = Set.of("55P03", "40P01", "40001", "57014", "57P01");

    private Judgement() {}

    /**
     * Whether partitions are missing that pg_partman would make: it keeps premake of them behind the newest that holds a row,
     * or behind the present in a set that goes on for ever; in a set without a row it makes none.
     */
    static boolean isDue(PartitionSet set, Contents contents) {
        if (set.full()) {
            return false;
        }
        if (set.partitions().isEmpty()) {
            return true; // pg_partman takes it for done
        }
        if (set.byTime() && set.infinite()) {
            return set.behind(contents.now()) < set.premake();
        }
        return contents.emptyAtTheEnd()
                < Math.min(set.premake(), set.partitions().size());
    }

    /**
     * What speaks against maintenance.
     *
     * @param hint the next command
     */
    record Refusal(String why, String hint) {}

    /** Why it must not be maintained now. */
    static Optional<Refusal> refusal(PartitionSet set, Contents contents, String version) {
        return elsewhere(set, contents).or(() -> outlier(set, contents, version));
    }

    /**
     * pg_partman names partitions by the session's time zone, and takes one whose name is there already for made: in UTC it
     * leaves a gap in a set that was made in another zone (tried with 4.7.2, 5.2.4 and 5.5.0).
     */
    static Optional<Refusal> elsewhere(PartitionSet set, Contents contents) {
        return contents.elsewhere()
                ? Optional.of(new Refusal(
                        "%s begins at %s: it was named in another time zone than UTC, and the next would leave a gap"
                                .formatted(
                                        set.newest().orElseThrow().name(),
                                        shown(
                                                set,
                                                set.newest()
                                                        .orElseThrow()
                                                        .from()
                                                        .orElseThrow())),
                        "maintain it by a job in its own time zone: SET timezone = ...; SELECT run_maintenance('%s')"
                                .formatted(set.name())))
                : Optional.empty();
    }

    /** A row that lies far ahead in the default partition draws thousands behind it. */
    private static Optional<Refusal> outlier(PartitionSet set, Contents contents, String version) {
        boolean looksThere =
                !set.ignoresDefault() || version.startsWith("4.") && set.unit().equals(Optional.of(Unit.NUMBER));
        if (looksThere && contents.strayRows() > 0) {
            return Optional.of(new Refusal(
                    "%d rows in the default partition can have none of their own, as infinity: pg_partman would run after them"
                            .formatted(contents.strayRows()),
                    "correct or delete them; or, in version 5, UPDATE part_config SET ignore_default_data = true"));
        }
        if (!looksThere || contents.farthest().isEmpty() || set.newest().isEmpty()) {
            return Optional.empty();
        }
        long many = Contents.partitionsUpTo(contents.farthest().getAsLong(), set);
        return many <= MOST_AT_ONCE
                ? Optional.empty()
                : Optional.of(new Refusal(
                        "a row in the default partition lies at %s: pg_partman would make %d partitions to reach it"
                                .formatted(shown(set, contents.farthest().getAsLong()), many),
                        "correct or delete that row; or UPDATE part_config SET ignore_default_data = true"));
    }

    /** Why the newest bound is not where it has to be. */
    static Optional<String> tooFew(PartitionSet set, Contents contents) {
        return !set.isPartition() && isDue(set, contents)
                ? Optional.of("the newest partition is %s, with %d empty ones at the end; required: %d"
                        .formatted(
                                set.newest().map(newest -> newest.name()).orElse("missing"),
                                contents.emptyAtTheEnd(),
                                set.premake()))
                : Optional.empty();
    }

    /** What is remarkable although all went well. */
    static Optional<String> remark(PartitionSet set, Contents contents) {
        Optional<Duration> left = contents.timeLeft(set);
        return left.filter(Duration::isZero).isPresent()
                ? Optional.of(
                        "there is no partition for the present: pg_partman makes them behind the newest row, not behind the clock")
                : Optional.empty();
    }

    /** The next command after a failure. */
    static String hint(String database, PartitionSet set, Optional<Contents> contents, String why, String schema) {
        if (why.contains("for schema")) {
            return "GRANT USAGE, CREATE ON SCHEMA ... TO %s, the owner of the set"
                    .formatted(set.owner().orElse("the owner"));
        }
        if (why.contains("must be owner") || why.contains("permission denied")) {
            return "psql -X -d %s -f caretaker.sql".formatted(database);
        }
        if (contents.filter(inside -> isBlocked(set, inside)).isPresent()) {
            return "pgsidecar partitions rescue --database %s --set %s".formatted(database, set.name());
        }
        if (why.contains("other objects depend") || why.contains("foreign key")) {
            return "drop the rows that refer to it, or the foreign key; or keep the partition (retention)";
        }
        return "SELECT %s.run_maintenance('%s') in %s shows it; the server's log may say more"
                .formatted(schema, set.name(), database);
    }

    /** Whether rows of the default partition lie where the next partitions shall be. */
    static boolean isBlocked(PartitionSet set, Contents contents) {
        return contents.ranges().stream()
                .anyMatch(range -> isAhead(set, range) && Contents.partitionsUpTo(range.from(), set) <= MOST_AT_ONCE);
    }

    /** Whether it lies behind the newest partition. */
    static boolean isAhead(PartitionSet set, Contents.Range range) {
        return set.newest()
                .filter(newest ->
                        newest.to().isPresent() && range.from() >= newest.to().getAsLong())
                .isPresent();
    }

    /** The ranges that a rescue moves: where a partition is missing that lies near, and that retention would not drop. */
    static List<Contents.Range> movable(PartitionSet set, Contents contents) {
        return contents.ranges().stream()
                .filter(range -> unmovable(set, contents, range).isEmpty())
                .toList();
    }

    /** Why rows stay where they are. */
    static Optional<String> unmovable(PartitionSet set, Contents contents, Contents.Range range) {
        if (contents.retentionEdge().isPresent()
                && range.to() < contents.retentionEdge().getAsLong()) {
            return Optional.of("older than the retention, which would drop their partition at once: delete them");
        }
        return Contents.partitionsUpTo(range.from(), set) > MOST_AT_ONCE
                ? Optional.of(
                        "so far ahead that pg_partman would go on from there, and leave a gap: correct or delete them")
                : Optional.empty();
    }

    /** Whether a failure may pass by itself; what pg_partman has caught and raised again is told by its text. */
    static boolean passes(Optional<String> sqlState, String why) {
        return sqlState.filter(state -> PASSING.contains(state) || state.startsWith("53"))
                        .isPresent()
                || why.contains("lock timeout")
                || why.contains("deadlock detected");
    }

    /** A point of the set's axis, for people. */
    static String shown(PartitionSet set, long point) {
        return set.byTime() ? Instant.EPOCH.plus(point, ChronoUnit.MICROS).toString() : "" + point;
    }
}
