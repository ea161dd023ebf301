package dev.pgsidecar.conversion;

import dev.pgsidecar.operation.Check;
import dev.pgsidecar.operation.DatabaseTools;
import dev.pgsidecar.operation.Run;
import dev.pgsidecar.operation.Runbook;
import dev.pgsidecar.operation.ServerChecks;
import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.postgres.ConversionTables;
import dev.pgsidecar.postgres.ConversionTables.Looked;
import dev.pgsidecar.postgres.ConversionTables.Range;
import dev.pgsidecar.postgres.ConversionWork;
import dev.pgsidecar.postgres.ConversionWork.NotNow;
import dev.pgsidecar.postgres.ConversionWork.Why;
import dev.pgsidecar.postgres.PartmanSession;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.Conversion;
import dev.pgsidecar.postgres.catalog.Conversion.Phase;
import dev.pgsidecar.postgres.catalog.PlainTable.Column;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Makes a table a partition set while it is in use: the new table is made, follows what clients write, gets the rows there
 * were, is compared with the old one, and takes its place. Then it can be finished or reverted, which are orders of their own.
 */
final class Converting implements Runbook {

    static final String KIND = "conversion";

    /** Asks whether it is possible at all. */
    static final String ANY = "*";

    private static final String PREVIEW = "preview";
    private static final String DATABASES = "databases";
    private static final String PG_PARTMAN = "pg-partman";
    private static final String INSTALLED = "installed";
    private static final String TABLE = "table";
    static final String CONVERSION = "conversion";

    static final List<String> NAMES = Stream.of(
                    ServerChecks.NAMES,
                    List.of(PREVIEW, DATABASES, PG_PARTMAN, INSTALLED, TABLE, CONVERSION),
                    ConversionChecks.NAMES)
            .flatMap(List::stream)
            .toList();

    /** Values of a column without an index are read from all rows. */
    private static final Duration TO_READ_ALL = Duration.ofMinutes(10);

    private final ConversionRequest request;
    private final DatabaseTools tools;
    private Optional<Plan> plan = Optional.empty();

    Converting(ConversionRequest request, DatabaseTools tools) {
        this.request = request;
        this.tools = tools;
    }

    // --- The plan ----------------------------------------------------------------------------------------------------

    @Override
    public List<Check> check(Set<String> waivers) throws PostgresException, InterruptedException {
        List<Check> checks = new ArrayList<>(ServerChecks.judge(tools));
        if (checks.size() < ServerChecks.NAMES.size()) {
            return checks;
        }
        checks.add(preview());
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

    /** The plan is told all the same; and what has begun may go on. */
    private Check preview() {
        boolean allowed = tools.settings().partition().conversions();
        String required = "partition.conversions: true";
        return allowed || request.goOn().isPresent()
                ? Check.passed(PREVIEW, "allowed", required)
                : Check.failed(
                        PREVIEW,
                        "partition.conversions: false",
                        required,
                        "conversions were not proved by long repetitions yet (docs/conversion.md): try yours on a copy of the"
                                + " database first, then set it and restart the agent");
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
        if (!partman || !installed || request.table().equals(ANY)) {
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
                ? Check.passed(CONVERSION, conversion.get().phase().id(), "one that is not over")
                : Check.conflicting(CONVERSION, "there is no " + name, "one that is not over", "GET /v1/partitions");
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
                        ? Check.passed(CONVERSION, "none", "no other conversion of it")
                        : Check.failed(
                                CONVERSION,
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

    @Override
    public JsonObject plan() {
        return plan.map(Plan::json).orElseGet(JsonObject::new);
    }

    // --- Carrying it out ---------------------------------------------------------------------------------------------

    @Override
    public void run(Run run) throws StepFailed, PostgresException, InterruptedException {
        tools.awaitFirstLook(run);
        ConversionName name = begin(run);
        run.found(CONVERSION, name.toString());
        try (Passage passage = new Passage(tools, name, run, request.maxLag().bytes())) {
            goOn(run, passage);
        } catch (NotNow e) {
            stopped(run, name, e);
        } catch (StepFailed e) {
            failed(run, name, e);
        }
        tools.eyes().lookAtPartitionsSoon();
    }

    private ConversionName begin(Run run) throws StepFailed, PostgresException, InterruptedException {
        if (request.goOn().isPresent()) {
            return request.goOn().get();
        }
        Optional<Object> known = run.known(CONVERSION);
        if (known.isPresent()) {
            return ConversionName.of((String) known.get());
        }
        run.step("create", () -> {
            long id = create(run);
            run.found(CONVERSION, new ConversionName(request.database(), id).toString());
            return "%s is there, empty".formatted(Conversion.NEW + "." + request.name());
        });
        return ConversionName.of((String) run.known(CONVERSION).orElseThrow());
    }

    private long create(Run run) throws StepFailed, PostgresException, InterruptedException {
        try (PartmanSession session =
                PartmanSession.toWork(tools.vertx(), tools.settings(), request.database(), "conversion", TO_READ_ALL)) {
            ConversionTables tables = new ConversionTables(session);
            Optional<Conversion> begun = tables.all().stream()
                    .filter(each -> each.operation().equals(run.id()))
                    .findFirst();
            if (begun.isPresent()) {
                return begun.get().id();
            }
            if (plan.isEmpty()) { // an agent that goes on with it
                for (Check check : check(run.waivers())) {
                    if (check.waivedBy(run.waivers()).failed()) {
                        throw StepFailed.because(check);
                    }
                }
            }
            Plan planned = plan.orElseThrow();
            run.found("plan", planned.json());
            return tables.create(run.id(), run.by(), planned.spec(), planned.looked(), planned.range());
        } catch (NotNow e) {
            throw StepFailed.because(e.getMessage(), "order it again; nothing is left behind");
        }
    }

    private static void goOn(Run run, Passage passage)
            throws StepFailed, NotNow, PostgresException, InterruptedException {
        Phase phase = passage.now().phase();
        if (phase == Phase.REVERTING || phase == Phase.REVERTED) {
            revert(run, passage);
            return;
        }
        if (phase.compareTo(Phase.VERIFIED) <= 0) {
            step(run, "attach triggers", passage::attach);
            step(run, "copy", passage::copy);
            step(run, "verify", passage::verify);
            step(run, "prepare", passage::prepare);
            step(run, "swap", passage::swap);
        }
        if (!run.irrevocable()) {
            run.pointOfNoReturn();
        }
        step(run, "maintain", passage::maintain);
    }

    static void revert(Run run, Passage passage) throws StepFailed, NotNow, PostgresException, InterruptedException {
        step(run, "reconcile", passage::reconcile);
        step(run, "swap back", passage::swapBack);
        step(run, "drop", passage::drop);
    }

    /** One phase. */
    interface Act {
        String act() throws StepFailed, NotNow, PostgresException, InterruptedException;
    }

    /** A step whose reason not to go on is told to {@link #run}. */
    static void step(Run run, String name, Act act) throws StepFailed, NotNow, PostgresException, InterruptedException {
        NotNow[] reason = {null};
        try {
            run.step(name, () -> {
                try {
                    return act.act();
                } catch (NotNow e) {
                    reason[0] = e;
                    throw StepFailed.because(e.getMessage(), "");
                }
            });
        } catch (StepFailed e) {
            if (reason[0] != null) {
                throw reason[0];
            }
            throw e;
        }
    }

    /** The table was altered, or somebody has cancelled it: what there is by then is of no use. */
    private void stopped(Run run, ConversionName name, NotNow why) throws StepFailed, InterruptedException {
        boolean before = why.why() == Why.CANCELLED || why.why() == Why.ALTERED;
        if (before && undone(name)) {
            run.found("undone", "nothing is left of it");
            throw StepFailed.because(
                    why.getMessage(),
                    why.why() == Why.ALTERED ? "what was altered has to be in the new table, too: order it again" : "");
        }
        throw StepFailed.because(why.getMessage(), "GET /v1/partitions; clients use the set: finish or revert it");
    }

    private void failed(Run run, ConversionName name, StepFailed why) throws StepFailed, InterruptedException {
        if (why.isCancelled()) {
            if (!undone(name)) {
                throw StepFailed.because(
                        "it came too late: clients use the set",
                        "POST /v1/partitions/conversions/%s/revert takes it back".formatted(name));
            }
            run.found("undone", "nothing is left of it");
        } else {
            hold(name);
        }
        throw why;
    }

    private boolean undone(ConversionName name) throws StepFailed, InterruptedException {
        try (Undoing undoing = new Undoing(tools, name, (howLong, _) -> Thread.sleep(howLong))) {
            return undoing.undo();
        }
    }

    /** What failed for a reason that does not pass by itself waits until somebody says that it shall go on. */
    private void hold(ConversionName name) throws InterruptedException {
        try (PartmanSession session = PartmanSession.toWork(
                tools.vertx(), tools.settings(), name.database(), "conversion", DatabaseTools.TO_LOOK)) {
            new ConversionWork(session).pause(name.id(), true);
        } catch (PostgresException _) {
            // the next attempt fails as this one did, and tries it again
        }
    }

    @Override
    public void close() {
        // each phase has sessions of its own
    }
}
