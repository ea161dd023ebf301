package dev.pgsidecar.conversion;

import dev.pgsidecar.operation.Check;
import dev.pgsidecar.postgres.ConversionTables.Range;
import dev.pgsidecar.postgres.catalog.PlainTable;
import dev.pgsidecar.postgres.catalog.PlainTable.Column;
import dev.pgsidecar.postgres.catalog.PlainTable.Index;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Whether a table can become a partition set, and what would be lost by it: a pure function of the table.
 *
 * @param canonicalInterval the interval as the server understands it; absent if it makes no sense
 * @param range absent where the control column cannot be one
 */
record ConversionChecks(
        ConversionRequest request, PlainTable table, Optional<String> canonicalInterval, Optional<Range> range) {

    /** Stands before the name of a unique index that will not be what it was. */
    static final String UNIQUE = "unique:";

    static final List<String> NAMES = List.of(
            "ordinary-table",
            "rights",
            "names",
            "control",
            "interval",
            "partitions",
            "future-rows",
            "key",
            "exclusion",
            "references",
            "not-valid",
            "row-security",
            "triggers",
            "views",
            "dependents",
            "publications",
            "published");

    static final Set<String> TIMES = Set.of("timestamptz", "timestamp", "date");
    static final Set<String> NUMBERS = Set.of("int2", "int4", "int8");

    /** pg_partman takes no names that need quotes; and 63 bytes have to be enough for a partition's. */
    private static final Pattern PLAIN = Pattern.compile("[a-z_][a-z0-9_]{0,39}");

    static final int MOST_PARTITIONS = 2_000;
    private static final int MOST_AHEAD = 100;

    static boolean isTime(Column column) {
        return TIMES.contains(column.typeName());
    }

    List<Check> judge() {
        List<Check> checks = new ArrayList<>(List.of(ordinary(), rights(), names(), control(), interval()));
        range.ifPresent(values -> {
            checks.add(partitions(values));
            checks.add(futureRows(values));
        });
        checks.add(key());
        table.indexes().stream()
                .filter(index -> index.unique() && !index.excludes())
                .map(this::unique)
                .forEach(checks::add);
        checks.add(none(
                "exclusion",
                table.indexes().stream()
                        .filter(index -> index.excludes() || index.unique() && !index.immediate())
                        .map(Index::name)
                        .toList(),
                "no exclusion constraint, and no key that is DEFERRABLE",
                "what clients write could not be followed: drop it, or make a key anew that is NOT DEFERRABLE"));
        checks.add(none(
                "references",
                table.inbound(),
                "no foreign key that refers to it",
                "drop it: it would have to refer to the key with the control column in it"));
        checks.add(none(
                "not-valid",
                table.notValid(),
                "all constraints validated",
                "ALTER TABLE %s VALIDATE CONSTRAINT ...".formatted(table.quoted())));
        checks.add(rowSecurity());
        checks.add(none(
                "triggers",
                table.triggers().stream()
                        .filter(trigger -> !trigger.portable())
                        .map(PlainTable.Trigger::name)
                        .toList(),
                "no row trigger with a transition table",
                "a partition set cannot have it: make it a statement trigger"));
        checks.add(none(
                "views",
                table.views().stream()
                        .filter(view -> !view.movable())
                        .map(PlainTable.View::name)
                        .toList(),
                "views that the agent may replace: of an ordinary role that it has, without rules, not grouped by the key alone",
                "drop it and make it anew afterwards; or GRANT its owner TO pgsidecar_caretaker"));
        checks.add(none(
                "dependents",
                table.dependents(),
                "nothing that is bound to the table itself: materialized views, functions with an SQL body, policies of other"
                        + " tables, columns and functions of its row type",
                "drop it, and make it anew afterwards"));
        checks.add(publications());
        checks.add(none(
                "published",
                table.publishedBy(),
                "no publication that names it",
                "ALTER PUBLICATION ... DROP TABLE %s; add the set, and refresh the subscriptions, afterwards"
                        .formatted(table.quoted())));
        return checks;
    }

    private static Check none(String name, List<String> found, String required, String hint) {
        return found.isEmpty()
                ? Check.passed(name, "none", required)
                : Check.failed(name, String.join(", ", found), required, hint);
    }

    private Check ordinary() {
        String required = "an ordinary table, logged, without rules and inheritance, of no extension";
        if (!table.kind().equals("r")) {
            return Check.failed(
                    "ordinary-table",
                    table.kind().equals("p") ? "it is partitioned already" : "its relkind is " + table.kind(),
                    required,
                    "only such tables can be converted");
        }
        return none("ordinary-table", table.oddities(), required, "change that first");
    }

    private Check rights() {
        String required = "the rights of its owner, an ordinary role that may create in the schema";
        String script = "psql -X -d %s -v convert=%s -f caretaker.sql, as a superuser"
                .formatted(request.database(), table.quoted());
        if (table.ownerIsMighty()) {
            return Check.failed(
                    "rights",
                    "it belongs to %s, who is or may become a superuser".formatted(table.owner()),
                    required,
                    "ALTER TABLE %s OWNER TO another; then %s".formatted(table.quoted(), script));
        }
        if (!table.mayCreate()) {
            return Check.failed(
                    "rights",
                    "%s may not create in %s".formatted(table.owner(), table.schema()),
                    required,
                    "GRANT CREATE ON SCHEMA %s TO %s".formatted(table.schema(), table.owner()));
        }
        if (!table.unreferable().isEmpty()) {
            String others = String.join(", ", table.unreferable());
            return Check.failed(
                    "rights",
                    "%s may not refer to %s, as its foreign keys do".formatted(table.owner(), others),
                    required,
                    "GRANT REFERENCES ON %s TO %s, and USAGE of its schema".formatted(others, table.owner()));
        }
        return table.owned()
                ? Check.passed("rights", "those of " + table.owner(), required)
                : Check.failed("rights", "not those of " + table.owner(), required, script);
    }

    private Check names() {
        String required = "names of at most 40 of a-z, 0-9 and _, and those of the partitions not taken";
        for (String name : List.of(table.schema(), table.name(), request.control())) {
            if (!PLAIN.matcher(name).matches()) {
                return Check.failed("names", name, required, "pg_partman takes no other: rename it");
            }
        }
        return none("names", table.taken(), required, "rename or drop it; another conversion: finish it first");
    }

    private Check control() {
        String required = "a column of it, NOT NULL, a date or timestamp or a whole number, not generated";
        Optional<Column> column = table.column(request.control());
        if (column.isEmpty()) {
            return Check.failed(
                    "control",
                    "there is no column " + request.control(),
                    required,
                    "its columns: "
                            + String.join(
                                    ", ",
                                    table.columns().stream().map(Column::name).toList()));
        }
        boolean sound = isTime(column.get()) || NUMBERS.contains(column.get().typeName());
        if (!sound || column.get().generated()) {
            return Check.failed(
                    "control",
                    column.get().type() + (column.get().generated() ? ", generated" : ""),
                    required,
                    "choose another column");
        }
        return column.get().notNull()
                ? Check.passed("control", column.get().type(), required)
                : Check.failed(
                        "control",
                        "it can be NULL",
                        required,
                        "ALTER TABLE %1$s ADD CHECK (%2$s IS NOT NULL) NOT VALID, VALIDATE that, then ALTER COLUMN %2$s SET NOT NULL"
                                .formatted(table.quoted(), request.control()));
    }

    private Check interval() {
        boolean byTime =
                table.column(request.control()).filter(ConversionChecks::isTime).isPresent();
        String required = byTime ? "an interval from 1 second on, such as 1 day" : "a whole number from 2 on";
        boolean retention = request.retention().isEmpty()
                || byTime
                || request.retention()
                        .filter(text -> text.matches("[1-9][0-9]{0,17}"))
                        .isPresent();
        return canonicalInterval.isPresent() && retention
                ? Check.passed("interval", canonicalInterval.get(), required)
                : Check.failed(
                        "interval",
                        retention
                                ? request.interval()
                                : "retention " + request.retention().orElse(""),
                        required,
                        "correct it");
    }

    private Check partitions(Range values) {
        String required = "at most %d partitions, and no infinite value".formatted(MOST_PARTITIONS);
        String found = "%s from %s to %s"
                .formatted(
                        values.partitions() > 5_000 ? "more than 5,000" : values.partitions(),
                        values.low().orElse("nothing"),
                        values.high().orElse("nothing"));
        return values.partitions() <= MOST_PARTITIONS
                ? Check.passed("partitions", found, required)
                : Check.failed("partitions", found, required, "a longer interval; or correct or delete such rows");
    }

    private Check futureRows(Range values) {
        String required = "no row more than %d partitions ahead of the present".formatted(MOST_AHEAD);
        return values.ahead() <= MOST_AHEAD
                ? Check.passed("future-rows", "%d ahead".formatted(values.ahead()), required)
                : Check.failed(
                        "future-rows",
                        values.high().orElse(""),
                        required,
                        "correct or delete it: SELECT ... ORDER BY %s DESC".formatted(request.control()));
    }

    private Check key() {
        String required = "a primary key, or a unique index of all rows on NOT NULL columns, not deferrable";
        return table.key()
                .map(index -> Check.passed("key", index.name(), required))
                .orElseGet(() -> Check.failed(
                        "key", "none", required, "ALTER TABLE %s ADD PRIMARY KEY (...)".formatted(table.quoted())));
    }

    /** What was unique in the table is then unique in a partition. */
    private Check unique(Index index) {
        String required = "the control column in each unique index";
        String name = UNIQUE + index.name();
        return index.columns().contains(request.control())
                ? Check.passed(name, String.join(", ", index.columns()), required)
                : Check.doubtful(
                        name,
                        String.join(", ", index.columns()),
                        required,
                        "afterwards it is %s: result.plan names the errors that clients can get. Waive it if they can live with that"
                                .formatted(
                                        index.constraint().isPresent()
                                                ? "(%s, %s)"
                                                        .formatted(
                                                                String.join(", ", index.columns()), request.control())
                                                : "an ordinary index"));
    }

    private Check rowSecurity() {
        String required = "an owner who sees all rows";
        return table.hiddenRows()
                ? Check.failed(
                        "row-security",
                        "FORCE ROW LEVEL SECURITY",
                        required,
                        "ALTER TABLE %s NO FORCE ROW LEVEL SECURITY; or ALTER ROLE %s BYPASSRLS"
                                .formatted(table.quoted(), table.owner()))
                : Check.passed("row-security", "all rows", required);
    }

    private Check publications() {
        String required = "no publication of all tables, or of its schema";
        return table.coveredBy().isEmpty()
                ? Check.passed("publications", "none", required)
                : Check.doubtful(
                        "publications",
                        String.join(", ", table.coveredBy()),
                        required,
                        "its partitions, and the rows that are copied to them, are published as well: subscribers need those"
                                + " tables first, or stop with an error");
    }
}
