package dev.pgsidecar.postgres.catalog;

import static dev.pgsidecar.postgres.catalog.Fields.micros;

import dev.pgsidecar.postgres.catalog.PartitionSet.Unit;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The statements that look into a set. The set comes from the server, which has quoted its names.
 *
 * @param schema pg_partman's
 */
public record ContentsSql(PartitionSet set, String schema) {

    private boolean byTime() {
        return set.byTime();
    }

    /** The control column as a timestamptz or a number. */
    private String value() {
        return set.unit().orElse(Unit.NUMBER).expression(set.control());
    }

    private String point(String expression) {
        return byTime() ? micros(expression) : "trunc(%s)::bigint".formatted(expression);
    }

    /** Rows of the default partition that could have one of their own. */
    private String sound() {
        return set.unit().orElse(Unit.NUMBER).sound(set.control());
    }

    private String rowsOf(String columns, String condition) {
        return "(SELECT %s FROM ONLY %s WHERE %s)"
                .formatted(columns, set.defaultPartition().orElseThrow().quoted(), condition);
    }

    /** For each of these partitions, by its place in the list, whether it holds a row. */
    public String filled(List<Partition> partitions) {
        return IntStream.range(0, partitions.size())
                .mapToObj(index -> "'%d', EXISTS (SELECT FROM %s)"
                        .formatted(index, partitions.get(index).quoted()))
                .collect(Collectors.joining(", ", "SELECT json_build_object(", ")"));
    }

    /** The largest number in a partition. */
    public String largest(Partition partition) {
        return "SELECT json_build_object('largest', (SELECT %s FROM %s))"
                .formatted(point("max(%s)".formatted(value())), partition.quoted());
    }

    /** The clock, the retention, and how many rows are in the default partition; $1 is the set's name, $2 its newest partition's. */
    public String summary() {
        String count = set.defaultPartition()
                .map(each -> "(SELECT count(*) FROM (SELECT FROM ONLY %s LIMIT %d) AS r)"
                        .formatted(each.quoted(), Contents.MOST_COUNTED))
                .orElse("0");
        return """
                SELECT json_build_object(
                  'now', %s,
                  'retention', %s,
                  'elsewhere', %s,
                  'rows', %s)
                FROM %s.part_config WHERE parent_table = $1::text""".formatted(
                        micros("clock_timestamp()"),
                        byTime() ? micros("now() - retention::interval") : "retention",
                        elsewhere(),
                        count,
                        schema);
    }

    /** Whether the newest partition has the name that some other time zone gives it, and not that of UTC. */
    private String elsewhere() {
        if (!byTime() || set.newest().isEmpty() || set.newest().get().from().isEmpty()) {
            return "$2::text IS NULL AND false";
        }
        return "NOT %s AND EXISTS (SELECT FROM generate_series(-56, 56) AS quarter WHERE %s)"
                .formatted(named(""), named(" + quarter * interval '15 minutes'"));
    }

    private String named(String shifted) {
        return "$2::text LIKE '%%' || to_char((timestamptz 'epoch' + %d * interval '1 microsecond'%s) AT TIME ZONE 'UTC', datetime_string)"
                .formatted(set.newest().orElseThrow().from().orElseThrow(), shifted);
    }

    /** What {@link #summary} answered. */
    public record Summary(long now, OptionalLong retentionEdge, long rows, boolean elsewhere) {

        /**
         * Reads it.
         *
         * @param largest what the retention of a set by number counts from
         * @throws NumberFormatException if that retention is no number
         */
        public static Summary of(JsonObject row, OptionalLong largest) {
            Fields fields = new Fields(row);
            boolean byNumber = row.getValue("retention") instanceof String;
            OptionalLong edge = !byNumber
                    ? fields.number("retention")
                    : largest.isPresent()
                            ? OptionalLong.of(largest.getAsLong()
                                    - Long.parseLong(row.getString("retention").strip()))
                            : OptionalLong.empty();
            return new Summary(
                    fields.number("now").orElseThrow(),
                    edge,
                    fields.number("rows").orElseThrow(),
                    fields.flag("elsewhere").orElse(false));
        }
    }

    /** What the rows of the default partition are; each part may read all of them. */
    public String strays() {
        return """
                SELECT json_build_object('strays', %s, 'first', %s, 'farthest', %s)""".formatted(
                        rowsOf("count(*)", "(%s) IS NOT TRUE".formatted(sound())),
                        rowsOf(value() + "::text AS raw", sound() + " ORDER BY " + value() + " LIMIT 1"),
                        rowsOf(point("max(%s)".formatted(value())), sound()));
    }

    /** What {@link #strays} answered. */
    public record Strays(long rows, Optional<String> first, OptionalLong farthest) {

        public static final Strays NONE = new Strays(0, Optional.empty(), OptionalLong.empty());

        public static Strays of(JsonObject row) {
            Fields fields = new Fields(row);
            return new Strays(fields.number("strays").orElseThrow(), fields.text("first"), fields.number("farthest"));
        }
    }

    /** The partition that a row of the default one would belong to; $1 is the set's name, $2 the row's value as text. */
    public String range() {
        String interval = "(SELECT partition_interval::%s FROM %s.part_config WHERE parent_table = $1::text)"
                .formatted(byTime() ? "interval" : "bigint", schema);
        String within = "%1$s >= r.low AND %1$s < r.high".formatted(value());
        return """
                SELECT json_build_object('from', %s, 'to', %s,
                  'rows', %s,
                  'next', %s)
                FROM (SELECT low, low + %s AS high FROM (
                    SELECT %s AS low FROM %s.show_partition_name($1::text, $2::text)) AS s) AS r""".formatted(
                        point("r.low"),
                        point("r.high"),
                        rowsOf("count(*)", within),
                        rowsOf(
                                value() + "::text AS raw",
                                "%s AND %s >= r.high ORDER BY %s LIMIT 1".formatted(sound(), value(), value())),
                        interval,
                        byTime() ? "suffix_timestamp" : "suffix_id",
                        schema);
    }
}
