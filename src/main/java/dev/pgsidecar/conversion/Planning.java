package dev.pgsidecar.conversion;

import dev.pgsidecar.operation.Check;
import dev.pgsidecar.operation.DatabaseTools;
import dev.pgsidecar.operation.ServerChecks;
import dev.pgsidecar.postgres.ConversionTables;
import dev.pgsidecar.postgres.ConversionTables.Looked;
import dev.pgsidecar.postgres.ConversionTables.Range;
import dev.pgsidecar.postgres.PartmanSession;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.Conversion;
import dev.pgsidecar.postgres.catalog.PlainTable.Column;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Whether a conversion can begin, or go on, and how. */
final class Planning {

    private static final String DATABASES = "databases";
    private static final String PG_PARTMAN = "pg-partman";
    private static final String INSTALLED = "installed";
    private static final String TABLE = "table";

    static final List<String> NAMES = Stream.of(
                    ServerChecks.NAMES,
                    List.of(DATABASES, PG_PARTMAN, INSTALLED, TABLE, Converting.CONVERSION),
                    ConversionChecks.NAMES)
            .flatMap(List::stream)
            .toList();

    /** Values of a column without an index are read from all rows. */
    static final Duration TO_READ_ALL = Duration.ofMinutes(10);

    private final ConversionRequest request;
    private final DatabaseTools tools;
    private Optional<Plan> plan = Optional.empty();

    Planning(ConversionRequest request, DatabaseTools tools) {
        this.request = request;
        this.tools = tools;
    }

    /** What the last look has found to do; absent where something speaks against it, and where it goes on. */
    Optional<Plan> plan() {
        return plan;
    }

    /** Looks at the server and the table. */
    List<Check> check() throws PostgresException, InterruptedException {
        List<Check> checks = new ArrayList<>(ServerChecks.judge(tools));
        if (checks.size() < ServerChecks.NAMES.size()) {
            return checks;
        }
        String configured = "one of partition.databases";
        if (!tools.databases().contains(request.database())) {
            checks.add(Check.failed(
                    DATABASES, request.database(), configured, "partition.databases in the agent's configuration"));
            return checks;
        }
        checks.add(Check.passed(DATABASES, request.database(), configured));
        try (PartmanSession session = PartmanSession.toLook(
                tools.vertx(), tools.settings(), request.database(), "check-conversion", TO_READ_ALL)) {
            check(session, checks);
        }
        return checks;
    }

    private void check(PartmanSession session, List<Check> checks) throws PostgresException, InterruptedException {
        ConversionTables tables = new ConversionTables(session);
        boolean partman = session.partman().schema().isPresent();
        checks.add(
                partman
                        ? Check.passed(PG_PARTMAN, session.partman().version().orElse(""), "pg_partman 4.7 or 5")
                        : Check.failed(
                                PG_PARTMAN,
                                "not installed",
                                "pg_partman 4.7 or 5",
                                "CREATE SCHEMA partman; CREATE EXTENSION pg_partman SCHEMA partman"));
        boolean installed = tables.installed();
        String script = "psql -X -d %s -v convert=%s -f caretaker.sql, as a superuser"
                .formatted(request.database(), request.table());
        checks.add(
                installed
                        ? Check.passed(INSTALLED, "yes", "what caretaker.sql makes")
                        : Check.failed(INSTALLED, "no", "what caretaker.sql makes", script));
        if (!partman || !installed || request.table().equals(Converting.ANY)) {
            return;
        }
        if (request.goOn().isPresent()) {
            checks.add(going(tables));
        } else {
            checkTable(tables, checks);
        }
    }

    private Check going(ConversionTables tables) throws PostgresException, InterruptedException {
        ConversionName name = request.goOn().orElseThrow();
        Optional<Conversion> conversion =
                tables.all().stream().filter(each -> each.id() == name.id()).findFirst();
        return conversion.isPresent()
                ? Check.passed(Converting.CONVERSION, conversion.get().phase().id(), "one that is not over")
                : Check.conflicting(
                        Converting.CONVERSION, "there is no " + name, "one that is not over", "GET /v1/partitions");
    }

    private void checkTable(ConversionTables tables, List<Check> checks)
            throws PostgresException, InterruptedException {
        Optional<Looked> looked = tables.look(request.schema(), request.name());
        if (looked.isEmpty()) {
            checks.add(Check.failed(
                    TABLE, "there is no " + request.table(), "a table, with its schema", "as in public.orders"));
            return;
        }
        checks.add(Check.passed(TABLE, looked.get().table().quoted(), "a table, with its schema"));
        Optional<Conversion> other = tables.all().stream()
                .filter(each -> each.spec().table().equals(request.table()))
                .findFirst();
        checks.add(
                other.isEmpty()
                        ? Check.passed(Converting.CONVERSION, "none", "no other conversion of it")
                        : Check.failed(
                                Converting.CONVERSION,
                                "%s, %s"
                                        .formatted(
                                                other.get().name(request.database()),
                                                other.get().phase().id()),
                                "no other conversion of it",
                                "finish, revert or cancel it: pgsidecar partitions"));
        Optional<Column> control = looked.get().table().column(request.control());
        Optional<String> interval = interval(tables, control);
        Optional<Range> range = Optional.empty();
        if (interval.isPresent()
                && looked.get().table().owned()
                && !looked.get().table().hiddenRows()) {
            range = Optional.of(tables.range(
                    looked.get().table(),
                    control.orElseThrow().name(),
                    ConversionChecks.isTime(control.get()),
                    interval.get()));
        }
        List<Check> ofTable = new ConversionChecks(request, looked.get().table(), interval, range).judge();
        checks.addAll(ofTable);
        if (range.isPresent() && ofTable.stream().noneMatch(check -> check.failed() && !check.waivable())) {
            List<String> statements = new ArrayList<>(looked.get().table().conflicting());
            statements.addAll(tables.conflictingStatements(looked.get().table()));
            plan = Optional.of(new Plan(request, looked.get(), interval.orElseThrow(), range.get(), statements));
        }
    }

    private Optional<String> interval(ConversionTables tables, Optional<Column> control)
            throws PostgresException, InterruptedException {
        if (control.isEmpty()) {
            return Optional.empty();
        }
        if (ConversionChecks.isTime(control.get())) {
            boolean keeps = request.retention().isEmpty()
                    || tables.interval(request.retention().get()).isPresent();
            return keeps ? tables.interval(request.interval()) : Optional.empty();
        }
        return Optional.of(request.interval())
                .filter(text -> text.matches("[1-9][0-9]{0,17}") && !text.equals("1"))
                .filter(_ -> ConversionChecks.NUMBERS.contains(control.get().typeName()));
    }
}
