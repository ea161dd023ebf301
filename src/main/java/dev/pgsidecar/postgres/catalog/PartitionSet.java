package dev.pgsidecar.postgres.catalog;

import io.vertx.core.json.JsonObject;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A parent table with its row in pg_partman's part_config. Columns that a version does not have are absent.
 *
 * @param name the parent, as part_config names it
 * @param quoted the same, as SQL
 * @param control the column that rows are parted by, as SQL
 * @param unit what its bounds mean; absent where this agent cannot tell, and leaves the set alone
 * @param owned whether the role that asked has the rights of the owner
 * @param strangers how many partitions belong to somebody whose rights it has not: those that a superuser made
 * @param referenced whether foreign keys of other tables point at it
 * @param isPartition whether it is a partition of another set itself, and ends where that one does
 * @param partitions by their lower bounds; without the default partition
 */
public record PartitionSet(
        long oid,
        String name,
        String quoted,
        String control,
        Optional<Unit> unit,
        String interval,
        int premake,
        boolean automatic,
        boolean infinite,
        boolean ignoresDefault,
        boolean full,
        boolean undoing,
        Optional<String> asynchronous,
        Optional<String> retention,
        Optional<Instant> lastRun,
        Optional<String> owner,
        boolean ownerIsSuperuser,
        boolean owned,
        long strangers,
        boolean referenced,
        boolean isPartition,
        Optional<String> decoder,
        List<Partition> partitions,
        Optional<Partition> defaultPartition) {

    private static final Set<String> TIMES = Set.of("timestamptz", "timestamp", "date");
    private static final Set<String> NUMBERS = Set.of("int2", "int4", "int8", "numeric");

    /** What a bound, a point on the set's axis, means. */
    public enum Unit {
        /** Microseconds since 1970. */
        TIME(1),
        /** A number that tells a time: so many of its units are a second. */
        SECONDS(1),
        MILLISECONDS(1_000),
        MICROSECONDS(1_000_000),
        NANOSECONDS(1_000_000_000),
        /** A number, and nothing else. */
        NUMBER(0);

        private final long perSecond;

        Unit(long perSecond) {
            this.perSecond = perSecond;
        }

        public boolean isTime() {
            return this != NUMBER;
        }

        /** SQL for the control column as a timestamptz, or as it is. */
        String expression(String control) {
            return switch (this) {
                case TIME, NUMBER -> control;
                default ->
                    "CASE WHEN %s THEN to_timestamp(%s / %d.0) END".formatted(sound(control), control, perSecond);
            };
        }

        /** SQL for whether a value of the control column can have a partition: not infinity, NaN, NULL or a slip of the pen. */
        String sound(String control) {
            return switch (this) {
                case TIME -> "isfinite(%1$s) AND %1$s < timestamptz '290000-01-01'".formatted(control);
                case NUMBER -> control + " BETWEEN -9e17 AND 9e17";
                default -> "%1$s BETWEEN -9e11 * %2$d AND 9e11 * %2$d".formatted(control, perSecond);
            };
        }

        /** Bounds of the catalog in microseconds. */
        long point(long bound) {
            return switch (this) {
                case SECONDS -> bound * 1_000_000;
                case MILLISECONDS -> bound * 1_000;
                case NANOSECONDS -> bound / 1_000;
                default -> bound;
            };
        }
    }

    static PartitionSet of(Fields fields) {
        Fields config = fields.object("config").orElseThrow();
        Optional<Unit> unit = unit(fields.text("control_type").orElse(""), config);
        boolean partitioned = fields.flag("partitioned").orElse(false);
        List<JsonObject> children = fields.list("partitions", Fields::json);
        List<Partition> all = children.stream()
                .map(child -> converted(Partition.of(new Fields(child)), unit))
                .toList();
        int defaultAt = children.stream()
                .map(child -> child.getBoolean("is_default"))
                .toList()
                .indexOf(Boolean.TRUE);
        return new PartitionSet(
                fields.number("oid").orElse(0),
                config.text("parent_table").orElseThrow(),
                fields.text("quoted").orElse(""),
                fields.text("control_quoted").orElseThrow(),
                partitioned ? unit : Optional.empty(),
                config.text("partition_interval").orElse(""),
                (int) config.number("premake").orElse(0),
                config.text("automatic_maintenance").filter("on"::equals).isPresent(),
                config.flag("infinite_time_partitions").orElse(false),
                config.flag("ignore_default_data").orElse(false),
                config.flag("sub_partition_set_full").orElse(false),
                config.flag("undo_in_progress").orElse(false),
                config.text("async_partitioning_in_progress"),
                config.text("retention"),
                config.text("maintenance_last_run")
                        .map(text -> OffsetDateTime.parse(text).toInstant()),
                fields.text("owner"),
                fields.flag("owner_super").orElse(false),
                fields.flag("owned").orElse(false),
                fields.number("strangers").orElse(0),
                fields.flag("referenced").orElse(false),
                fields.flag("is_partition").orElse(false),
                config.text("time_decoder"),
                all.stream()
                        .filter(each -> defaultAt < 0 || each != all.get(defaultAt))
                        .toList(),
                defaultAt < 0 ? Optional.empty() : Optional.of(all.get(defaultAt)));
    }

    private static Optional<Unit> unit(String type, Fields config) {
        String epoch = config.text("epoch").orElse("none");
        if (TIMES.contains(type)) {
            return Optional.of(Unit.TIME);
        }
        if (!NUMBERS.contains(type)) {
            return Optional.empty();
        }
        return switch (epoch) {
            case "none" -> Optional.of(Unit.NUMBER);
            case "seconds" -> Optional.of(Unit.SECONDS);
            case "milliseconds" -> Optional.of(Unit.MILLISECONDS);
            case "microseconds" -> Optional.of(Unit.MICROSECONDS);
            case "nanoseconds" -> Optional.of(Unit.NANOSECONDS);
            default -> Optional.empty();
        };
    }

    private static Partition converted(Partition partition, Optional<Unit> unit) {
        return new Partition(
                partition.oid(),
                partition.name(),
                partition.quoted(),
                partition.bytes(),
                converted(partition.from(), unit),
                converted(partition.to(), unit));
    }

    private static OptionalLong converted(OptionalLong bound, Optional<Unit> unit) {
        return bound.isPresent() && unit.isPresent()
                ? OptionalLong.of(unit.get().point(bound.getAsLong()))
                : OptionalLong.empty();
    }

    /** With partitions that are new, as {@link Partman#newPartitions} answered. */
    public PartitionSet with(JsonObject row) {
        List<Partition> all = Stream.concat(
                        partitions.stream(),
                        new Fields(row)
                                .list("partitions", Partition::of).stream().map(each -> converted(each, unit)))
                .sorted(Comparator.comparing((Partition each) -> each.from().orElse(Long.MAX_VALUE))
                        .thenComparing(Partition::name))
                .toList();
        return new PartitionSet(
                oid,
                name,
                quoted,
                control,
                unit,
                interval,
                premake,
                automatic,
                infinite,
                ignoresDefault,
                full,
                undoing,
                asynchronous,
                retention,
                lastRun,
                owner,
                ownerIsSuperuser,
                owned,
                strangers,
                referenced,
                isPartition,
                decoder,
                all,
                defaultPartition);
    }

    public boolean byTime() {
        return unit.filter(Unit::isTime).isPresent();
    }

    /** Of all partitions, the default one too. */
    public long bytes() {
        return Stream.concat(partitions.stream(), defaultPartition.stream())
                .mapToLong(Partition::bytes)
                .sum();
    }

    /** The newest partition. */
    public Optional<Partition> newest() {
        return partitions.isEmpty() ? Optional.empty() : Optional.of(partitions.getLast());
    }

    /** How far, on the set's axis, its partitions reach ahead right after maintenance: premake times its newest one. */
    public OptionalLong premade() {
        return newest().filter(last -> last.from().isPresent() && last.to().isPresent())
                .map(last -> OptionalLong.of(
                        premake * (last.to().getAsLong() - last.from().getAsLong())))
                .orElseGet(OptionalLong::empty);
    }

    /** Up to where, from this point on, each row finds its partition without a gap; the point itself if it finds none. */
    public long coveredFrom(long point) {
        long covered = point;
        for (Partition partition : partitions) {
            if (partition.holds(covered)) {
                covered = partition.to().getAsLong();
            }
        }
        return covered;
    }

    /** How many partitions begin behind this point. */
    public long behind(long point) {
        return partitions.stream()
                .filter(partition ->
                        partition.from().isPresent() && partition.from().getAsLong() > point)
                .count();
    }

    /** Those whose rows are all older than this point. */
    public List<Partition> before(long point) {
        return partitions.stream()
                .filter(partition ->
                        partition.to().isPresent() && partition.to().getAsLong() < point)
                .toList();
    }

    /** Why pg_partman, or this agent, leaves it alone; empty if it is to be maintained. */
    public Optional<String> leftAlone() {
        if (unit.isEmpty() && decoder.isEmpty()) {
            return Optional.of(
                    quoted.isEmpty()
                            ? "there is no such table"
                            : "it is not parted natively by a time or a number: pg_partman's own run_maintenance can do it");
        }
        if (!automatic) {
            return Optional.of("automatic_maintenance is off");
        }
        if (undoing) {
            return Optional.of("undo_in_progress: an undo_partition has begun");
        }
        return asynchronous.map(what -> "async_partitioning_in_progress: " + what);
    }
}
