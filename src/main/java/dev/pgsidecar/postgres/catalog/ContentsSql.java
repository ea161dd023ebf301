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
        return byTime() ? "isfinite(%s)".formatted(value()) : value() + " IS NOT NULL";
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

    /** The clock, the retention, and what the default partition holds; $1 is the set's name. */
    public String summary() {
        boolean looks = set.defaultPartition().isPresent() && set.unit().isPresent();
        String count = set.defaultPartition()
                .map(each -> "(SELECT count(*) FROM (SELECT FROM ONLY %s LIMIT %d) AS r)"
                        .formatted(each.quoted(), Contents.MOST_COUNTED))
                .orElse("0");
        return """
                SELECT json_build_object(
                  'now', %s,
                  'retention', (SELECT %s FROM %s.part_config WHERE parent_table = $1::text),
                  'rows', %s,
                  'strays', %s,
                  'first', %s,
                  'farthest', %s)""".formatted(
                micros("clock_timestamp()"),
                byTime() ? micros("now() - retention::interval") : "retention",
                schema,
                count,
                looks ? rowsOf("count(*)", "(%s) IS NOT TRUE".formatted(sound())) : "0",
                looks ? rowsOf(value() + "::text AS raw", sound() + " ORDER BY " + value() + " LIMIT 1") : "NULL::text",
                looks ? rowsOf(point("max(%s)".formatted(value())), sound()) : "NULL::bigint");
    }

    /** What {@link #summary} answered. */
    public record Summary(
            long now,
            OptionalLong retentionEdge,
            long rows,
            long strays,
            Optional<String> first,
            OptionalLong farthest) {

        /**
         * Reads it.
         *
         * @param largest what the retention of a set by number counts from
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
                    fields.number("strays").orElseThrow(),
                    fields.text("first"),
                    fields.number("farthest"));
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
