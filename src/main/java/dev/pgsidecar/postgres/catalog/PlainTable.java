package dev.pgsidecar.postgres.catalog;

import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A table that may become a partition set, with all that depends on it. Names are SQL, quoted by the server, but for
 * {@code schema} and {@code name}.
 *
 * @param kind {@code r} for an ordinary table
 * @param owned whether the role that asked has the rights of the owner
 * @param ownerIsMighty a superuser, or may become one
 * @param mayCreate whether the owner may make tables in the schema
 * @param unreferable tables that it refers to, which its owner may not refer to any more
 * @param hiddenRows whether row security holds for the owner, too
 * @param rows about, as the planner guesses
 * @param bytes of the table, its indexes and its TOAST table
 * @param oddities what speaks against it whatever it is used for, such as a rule
 * @param inbound foreign keys of other tables, or of itself, that refer to it
 * @param notValid constraints that were never validated
 * @param dependents what is bound to the table itself and would stay with the old one
 * @param coveredBy publications that have it because they have all tables, or those of its schema
 * @param publishedBy publications that name it
 * @param taken names that the new table, its partitions or its template need
 * @param conflicting functions and statements that seem to use ON CONFLICT on it
 * @param options storage parameters, as {@code fillfactor=70}
 * @param ddl statements that give the new table what the old one has, in their order
 * @param notCarried what the new one will not have
 */
public record PlainTable(
        long oid,
        String schema,
        String name,
        String quoted,
        String kind,
        String owner,
        boolean owned,
        boolean ownerIsMighty,
        boolean mayCreate,
        List<String> unreferable,
        boolean hiddenRows,
        long rows,
        long bytes,
        List<String> oddities,
        List<Column> columns,
        List<Index> indexes,
        List<String> inbound,
        List<String> notValid,
        List<String> dependents,
        List<View> views,
        List<String> coveredBy,
        List<String> publishedBy,
        List<String> taken,
        List<String> conflicting,
        List<String> options,
        Optional<String> tablespace,
        Ddl ddl,
        List<Sequence> sequences,
        List<Trigger> triggers,
        List<String> notCarried) {

    /**
     * One of its columns.
     *
     * @param type as SQL
     * @param typeName without its schema
     * @param generated computed from others
     */
    public record Column(
            String name, String type, String typeName, boolean notNull, boolean generated, boolean identity) {

        static Column of(Fields fields) {
            return new Column(
                    fields.text("name").orElseThrow(),
                    fields.text("type").orElseThrow(),
                    fields.text("type_name").orElseThrow(),
                    fields.flag("not_null").orElse(false),
                    fields.flag("generated").orElse(false),
                    fields.flag("identity").orElse(false));
        }
    }

    /**
     * One of its indexes.
     *
     * @param plain whether it has all rows and only columns, which none of them may leave NULL, in the usual order
     * @param immediate not deferrable
     * @param columns of its key
     * @param constraint the constraint that it belongs to, and that one's definition
     */
    public record Index(
            String name,
            boolean unique,
            boolean primary,
            boolean valid,
            boolean plain,
            boolean immediate,
            boolean excludes,
            List<String> columns,
            String definition,
            Optional<String> constraint,
            Optional<String> constraintDefinition,
            Optional<String> tablespace) {

        /** Whether a row can be found by it for sure. */
        public boolean identifies() {
            return unique && valid && plain && immediate;
        }

        static Index of(Fields fields) {
            return new Index(
                    fields.text("name").orElseThrow(),
                    fields.flag("unique").orElse(false),
                    fields.flag("primary").orElse(false),
                    fields.flag("valid").orElse(false),
                    fields.flag("plain").orElse(false),
                    fields.flag("immediate").orElse(false),
                    fields.flag("excludes").orElse(false),
                    fields.texts("columns"),
                    fields.text("definition").orElseThrow(),
                    fields.text("constraint"),
                    fields.text("constraint_definition"),
                    fields.text("tablespace"));
        }
    }

    /**
     * A view that reads it.
     *
     * @param movable whether it can be made anew on another table by the agent
     */
    public record View(String name, boolean movable) {}

    /** A sequence that belongs to a column; an identity's is made anew with the new table. */
    public record Sequence(String name, String column, boolean identity) {}

    /**
     * A trigger of the user's.
     *
     * @param state {@code O}, {@code A}, {@code R} or {@code D}, as in pg_trigger
     * @param portable whether a partitioned table can have it
     */
    public record Trigger(String name, String state, boolean portable) {}

    /**
     * Statements, by what they are for.
     *
     * @param before what the empty table gets
     * @param triggers the user's, to be switched off until the swap
     * @param references its foreign keys to other tables
     */
    public record Ddl(List<String> before, List<String> triggers, List<String> references) {}

    /** Reads what {@link PlainTableSql#SQL} answered; absent if there is no such table. */
    public static Optional<PlainTable> of(JsonObject row) {
        return new Fields(row).object("table").map(PlainTable::of);
    }

    private static PlainTable of(Fields fields) {
        return new PlainTable(
                fields.number("oid").orElseThrow(),
                fields.text("schema").orElseThrow(),
                fields.text("name").orElseThrow(),
                fields.text("quoted").orElseThrow(),
                fields.text("kind").orElseThrow(),
                fields.text("owner").orElseThrow(),
                fields.flag("owned").orElse(false),
                fields.flag("mighty").orElse(true),
                fields.flag("may_create").orElse(false),
                fields.texts("unreferable"),
                fields.flag("hidden_rows").orElse(true),
                Math.max(0, fields.number("rows").orElse(0)),
                fields.number("bytes").orElse(0),
                fields.texts("oddities"),
                fields.list("columns", Column::of),
                fields.list("indexes", Index::of),
                fields.texts("inbound"),
                fields.texts("not_valid"),
                fields.texts("dependents"),
                fields.list(
                        "views",
                        view -> new View(
                                view.text("name").orElseThrow(),
                                view.flag("movable").orElse(false))),
                fields.texts("covered_by"),
                fields.texts("published_by"),
                fields.texts("taken"),
                fields.texts("conflicting"),
                fields.texts("options"),
                fields.text("tablespace"),
                new Ddl(fields.texts("before"), fields.texts("trigger_ddl"), fields.texts("references")),
                fields.list(
                        "sequences",
                        sequence -> new Sequence(
                                sequence.text("name").orElseThrow(),
                                sequence.text("column").orElseThrow(),
                                sequence.flag("identity").orElse(false))),
                fields.list(
                        "triggers",
                        trigger -> new Trigger(
                                trigger.text("name").orElseThrow(),
                                trigger.text("state").orElseThrow(),
                                trigger.flag("portable").orElse(false))),
                fields.texts("not_carried"));
    }

    /** The column of this name, as it is written without quotes. */
    public Optional<Column> column(String called) {
        return columns.stream().filter(column -> column.name().equals(called)).findFirst();
    }

    /** The columns that a row is written with. */
    public List<String> written() {
        return columns.stream()
                .filter(column -> !column.generated())
                .map(Column::name)
                .toList();
    }

    /** The index by which rows are found: the primary key, or else another that finds one row for sure. */
    public Optional<Index> key() {
        Stream<Index> usable = indexes.stream().filter(Index::identifies);
        return usable.sorted((one, other) -> Boolean.compare(other.primary(), one.primary()))
                .findFirst();
    }

    /**
     * Whether a row of the new table can be overwritten: found by a unique key, which an index without the control column is
     * none any more, and with columns that may be set, as those of an identity may not.
     */
    public boolean overwritable(String control) {
        Index key = key().orElseThrow();
        return (key.constraint().isPresent() || key.columns().contains(control))
                && columns.stream()
                        .filter(Column::identity)
                        .map(Column::name)
                        .allMatch(name -> key.columns().contains(name) || name.equals(control));
    }
}
