package dev.pgsidecar.postgres.catalog;

import java.util.OptionalLong;

/**
 * One partition of a set.
 *
 * @param name schema and table, as people read it
 * @param quoted the same, as SQL
 * @param bytes with indexes and TOAST, and with all that is below it
 * @param from its lower bound, inclusive: microseconds since 1970 in a set by time, else a number; absent where it is open
 * @param to its upper bound, exclusive, likewise
 */
public record Partition(long oid, String name, String quoted, long bytes, OptionalLong from, OptionalLong to) {

    static Partition of(Fields fields) {
        return new Partition(
                fields.number("oid").orElseThrow(),
                fields.text("name").orElseThrow(),
                fields.text("quoted").orElseThrow(),
                fields.number("bytes").orElse(0),
                fields.number("from"),
                fields.number("to"));
    }

    boolean holds(long point) {
        return from.isPresent() && to.isPresent() && from.getAsLong() <= point && point < to.getAsLong();
    }
}
