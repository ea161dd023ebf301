package dev.pgsidecar.conversion;

import dev.pgsidecar.postgres.ConversionTables.Looked;
import dev.pgsidecar.postgres.ConversionTables.Range;
import dev.pgsidecar.postgres.catalog.Conversion.Ident;
import dev.pgsidecar.postgres.catalog.Conversion.Spec;
import dev.pgsidecar.postgres.catalog.ConversionSql;
import dev.pgsidecar.postgres.catalog.PlainTable;
import dev.pgsidecar.postgres.catalog.PlainTable.Column;
import dev.pgsidecar.postgres.catalog.PlainTable.Index;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * What will be done to a table that passed the checks.
 *
 * @param statements of clients that seem to rely on a unique key that is none any more
 */
record Plan(ConversionRequest request, Looked looked, String interval, Range range, List<String> statements) {

    /** A foreign key that changes rows by itself. */
    private static final Pattern ACTS = Pattern.compile("ON (DELETE|UPDATE) (CASCADE|SET )");

    /** With all safety on, beside clients, on a small machine; a guess in advance, replaced by what is measured once it runs. */
    private static final long ROWS_A_SECOND = 20_000;

    private PlainTable table() {
        return looked.table();
    }

    Spec spec() {
        PlainTable table = table();
        Column control = table.column(request.control()).orElseThrow();
        return new Spec(
                table.schema(),
                table.name(),
                table.oid(),
                table.owner(),
                table.written(),
                table.key().orElseThrow().columns().stream()
                        .map(name -> ident(table.column(name).orElseThrow()))
                        .toList(),
                ident(control),
                table.overwritable(control.name()),
                interval,
                request.premake(),
                request.retention(),
                table.sequences(),
                table.triggers(),
                table.options());
    }

    private static Ident ident(Column column) {
        return new Ident(column.name(), column.type());
    }

    JsonObject json() {
        PlainTable table = table();
        return new JsonObject()
                .put("table", table.quoted())
                .put("rows", table.rows())
                .put("bytes", table.bytes())
                .put("partitions", range.partitions() + request.premake())
                .put("estimatedSeconds", table.rows() / ROWS_A_SECOND + 5)
                .put("ddl", new JsonArray(ddl()))
                .put("carried", new JsonArray(carried()))
                .put("notCarried", new JsonArray(notCarried()))
                .put("clientErrors", new JsonArray(clientErrors()))
                .put("statements", new JsonArray(statements()));
    }

    /** Foreign keys come one by one. */
    private List<String> ddl() {
        List<String> all = new ArrayList<>(ConversionSql.create(table(), spec()));
        all.addAll(table().ddl().references());
        return all;
    }

    private List<String> carried() {
        PlainTable table = table();
        List<String> carried = new ArrayList<>();
        carried.add("%d columns with defaults, identity, generated values, storage and comments"
                .formatted(table.columns().size()));
        table.indexes().forEach(index -> carried.add("index " + index.name()));
        carried.addAll(table.ddl().before());
        carried.addAll(table.ddl().references());
        table.triggers().forEach(trigger -> carried.add("trigger " + trigger.name()));
        table.views().forEach(view -> carried.add("view " + view.name()));
        table.sequences().forEach(sequence -> carried.add("sequence " + sequence.name()));
        carried.add(
                "checks, owner, privileges of the table and its columns, row security, tablespace, storage parameters");
        return carried;
    }

    private List<String> notCarried() {
        List<String> missing = new ArrayList<>(table().notCarried());
        table().coveredBy()
                .forEach(publication -> missing.add(
                        "publication %s has the new table and its partitions by itself".formatted(publication)));
        return missing;
    }

    private List<Index> demoted() {
        return table().indexes().stream()
                .filter(index -> index.unique() && !index.columns().contains(request.control()))
                .toList();
    }

    /** What a client may hear afterwards that it never heard before. */
    private List<String> clientErrors() {
        List<String> errors = new ArrayList<>();
        for (Index index : demoted()) {
            String columns = String.join(", ", index.columns());
            errors.add(
                    "ON CONFLICT (%s): there is no unique or exclusion constraint matching the ON CONFLICT specification (42P10)"
                            .formatted(columns));
            errors.add(
                    "two rows may have one (%s) with different %s: nothing refuses that once it is finished; until then the old table's key does (23505)"
                            .formatted(columns, request.control()));
        }
        List<String> references = table().ddl().references();
        if (!references.isEmpty()) {
            errors.add(
                    "before the swap, DELETE of rows and then of what they refer to, where either is done in a transaction of a stricter level than READ COMMITTED: violates foreign key constraint (23503), or could not serialize access (40001)");
        }
        if (references.stream().anyMatch(ACTS.asPredicate())) {
            errors.add(
                    "until it is finished, ON DELETE or ON UPDATE of what rows refer to, while another changes these: deadlock detected (40P01)");
        }
        errors.add(
                "UPDATE of %s while another changes the row: tuple to be locked was already moved to another partition due to concurrent update (40001)"
                        .formatted(request.control()));
        return errors;
    }
}
