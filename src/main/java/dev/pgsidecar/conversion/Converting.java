package dev.pgsidecar.conversion;

import dev.pgsidecar.operation.Check;
import dev.pgsidecar.operation.DatabaseTools;
import dev.pgsidecar.operation.Run;
import dev.pgsidecar.operation.Runbook;
import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.postgres.ConversionTables;
import dev.pgsidecar.postgres.ConversionWork;
import dev.pgsidecar.postgres.ConversionWork.NotNow;
import dev.pgsidecar.postgres.ConversionWork.Why;
import dev.pgsidecar.postgres.PartmanSession;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.Conversion;
import dev.pgsidecar.postgres.catalog.Conversion.Phase;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Makes a table a partition set while it is in use: the new table is made, follows what clients write, gets the rows there
 * were, is compared with the old one, and takes its place. Then it can be finished or reverted, which are orders of their own.
 */
final class Converting implements Runbook {

    static final String KIND = "conversion";

    /** Asks whether it is possible at all. */
    static final String ANY = "*";

    static final String CONVERSION = "conversion";

    private final ConversionRequest request;
    private final DatabaseTools tools;
    private final Planning planning;

    Converting(ConversionRequest request, DatabaseTools tools) {
        this.request = request;
        this.tools = tools;
        this.planning = new Planning(request, tools);
    }

    // --- The plan ----------------------------------------------------------------------------------------------------

    @Override
    public List<Check> check(Set<String> waivers) throws PostgresException, InterruptedException {
        return planning.check();
    }

    @Override
    public JsonObject plan() {
        return planning.plan().map(Plan::json).orElseGet(JsonObject::new);
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
        try (PartmanSession session = PartmanSession.toWork(
                tools.vertx(), tools.settings(), request.database(), "conversion", Planning.TO_READ_ALL)) {
            ConversionTables tables = new ConversionTables(session);
            Optional<Conversion> begun = tables.all().stream()
                    .filter(each -> each.operation().equals(run.id()))
                    .findFirst();
            if (begun.isPresent()) {
                return begun.get().id();
            }
            if (planning.plan().isEmpty()) { // an agent that goes on with it
                for (Check check : check(run.waivers())) {
                    if (check.waivedBy(run.waivers()).failed()) {
                        throw StepFailed.because(check);
                    }
                }
            }
            Plan planned = planning.plan().orElseThrow();
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
