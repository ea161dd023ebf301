package dev.pgsidecar.conversion;

import dev.pgsidecar.operation.DatabaseTools;
import dev.pgsidecar.operation.Run;
import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.postgres.ConversionTables;
import dev.pgsidecar.postgres.ConversionTables.Alteration;
import dev.pgsidecar.postgres.ConversionWork.NotNow;
import dev.pgsidecar.postgres.ConversionWork.Why;
import dev.pgsidecar.postgres.PartmanSession;
import dev.pgsidecar.postgres.PartmanWork;
import dev.pgsidecar.postgres.PartmanWork.NotDone;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.Conversion;
import dev.pgsidecar.postgres.catalog.Conversion.Phase;
import dev.pgsidecar.postgres.catalog.PartitionSet;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** The way of one conversion through its phases. Each method does one of them, and nothing if that is done already. */
final class Passage implements AutoCloseable {

    private static final Duration NOT_SO_OFTEN = Duration.ofMillis(500);
    private static final Duration PREMAKE_EVERY = Duration.ofMinutes(5);

    /** Between two statements that keep somebody waiting for a moment. */
    private static final Duration BREATH = Duration.ofMillis(2);

    private static final String DONE_BEFORE = "done before";

    private final DatabaseTools tools;
    private final ConversionName name;
    private final Run run;
    private final Patience patience;
    private final Rows rows;
    private long premade = System.nanoTime();

    /** @param maxLag bytes that a standby may be behind before it is waited for */
    Passage(DatabaseTools tools, ConversionName name, Run run, long maxLag) {
        this.tools = tools;
        this.name = name;
        this.run = run;
        this.patience = new Patience(tools, name, Patience.resting(run));
        this.rows = new Rows(tools, name, run, patience, maxLag);
    }

    private long id() {
        return name.id();
    }

    Conversion now() throws StepFailed, NotNow, InterruptedException {
        return patience.now();
    }

    private boolean isBehind(Phase phase) throws StepFailed, NotNow, InterruptedException {
        return now().phase().compareTo(phase) > 0;
    }

    // --- There -------------------------------------------------------------------------------------------------------

    String attach() throws StepFailed, NotNow, InterruptedException {
        Conversion now = now();
        if (now.phase() == Phase.CREATED) {
            each(Phase.CREATED, (_, tables) -> tables.references(id()));
            patience.act(now.spec().table(), (_, tables) -> tables.attach(id()));
            rows.publish();
        }
        return "what is written to %s is written to the new table, too"
                .formatted(now.spec().table());
    }

    String copy() throws StepFailed, NotNow, InterruptedException {
        if (isBehind(Phase.ATTACHED)) {
            return DONE_BEFORE;
        }
        long skipped = rows.copy(this::premakeNowAndThen);
        long copied = now().rows();
        patience.act((work, _) -> work.rewind(id(), Set.of(Phase.ATTACHED), Phase.COPIED));
        return "%d rows copied; %d were held by somebody at first".formatted(copied, skipped);
    }

    String verify() throws StepFailed, NotNow, InterruptedException {
        return isBehind(Phase.COPIED) ? DONE_BEFORE : compare(Phase.COPIED, Phase.VERIFIED);
    }

    private String compare(Phase in, Phase then) throws StepFailed, NotNow, InterruptedException {
        return "every row is there, and the same; %d were made so again".formatted(rows.compare(in, then));
    }

    String prepare() throws StepFailed, NotNow, InterruptedException {
        if (isBehind(Phase.VERIFIED)) {
            return DONE_BEFORE;
        }
        if (!patience.get((_, tables) -> tables.placed(id()))) {
            premake();
            patience.act((_, tables) -> tables.analyze(id()));
        }
        each(Phase.VERIFIED, (_, tables) -> tables.places(id()));
        return "partitions for the present are there, and analyzed";
    }

    /** One statement after the other, each for itself. */
    private void each(Phase in, Patience.Attempt<List<Alteration>> which)
            throws StepFailed, NotNow, InterruptedException {
        for (Alteration each : patience.get(which)) {
            patience.act(each.table(), (_, tables) -> tables.alter(id(), in, each));
            run.rest(BREATH);
        }
    }

    String swap() throws StepFailed, NotNow, InterruptedException {
        if (isBehind(Phase.VERIFIED)) {
            return DONE_BEFORE;
        }
        Instant began = exchange(Phase.VERIFIED, (_, tables) -> tables.swap(id()));
        rows.publish();
        return "clients use the set, since " + began;
    }

    /** Tries it whenever every row is equal and nobody would see neither table as a whole; tells when it began to succeed. */
    private Instant exchange(Phase in, Patience.Deed swap) throws StepFailed, NotNow, InterruptedException {
        String table = now().spec().table();
        while (true) {
            rows.drainAll(in);
            awaitOldSnapshots();
            try {
                Instant began = Instant.now();
                patience.act(table, swap);
                return began;
            } catch (NotNow e) {
                if (e.why() != Why.NOTES) {
                    throw e;
                }
                patience.rest(
                        Duration.ZERO, "clients of a stricter isolation level than READ COMMITTED write all the time");
            }
        }
    }

    /** Who began before the last row was copied, and sees the database as of then, would not find that row in the new table. */
    private void awaitOldSnapshots() throws StepFailed, NotNow, InterruptedException {
        while (true) {
            List<String> old = patience.get((work, _) -> work.oldSnapshots(id()));
            if (old.isEmpty()) {
                return;
            }
            patience.rest(NOT_SO_OFTEN, String.join("; ", old) + ", who would not see all rows of the new table");
        }
    }

    String maintain() throws StepFailed, NotNow, InterruptedException {
        if (isBehind(Phase.SWAPPED)) {
            return DONE_BEFORE;
        }
        each(Phase.SWAPPED, (_, tables) -> tables.vacuumable(id()));
        String made = premake();
        patience.act((_, tables) -> tables.converted(id()));
        rows.publish();
        return made;
    }

    private void premakeNowAndThen() throws StepFailed, NotNow, InterruptedException {
        if (System.nanoTime() - premade > PREMAKE_EVERY.toNanos()) {
            premake();
        }
    }

    /** pg_partman's own maintenance, which has to work before it is relied on. */
    private String premake() throws StepFailed, NotNow, InterruptedException {
        Conversion now = now();
        String set = now.phase().swapped() ? now.spec().table() : now.spec().incoming();
        while (true) {
            Optional<String> inTheWay = tools.notNow();
            try (PartmanSession session = inTheWay.isPresent()
                    ? null
                    : PartmanSession.toWork(
                            tools.vertx(),
                            tools.settings(),
                            name.database(),
                            "conversion-maintains",
                            DatabaseTools.TO_ANSWER)) {
                if (session != null) {
                    PartitionSet before = session.set(set).orElseThrow();
                    List<String> warnings = new PartmanWork(session).premake(before);
                    PartitionSet after = session.set(set).orElseThrow();
                    if (!now.phase().swapped()) {
                        new ConversionTables(session).giveNew(id());
                    }
                    premade = System.nanoTime();
                    return "%d partitions made%s"
                            .formatted(
                                    after.partitions().size()
                                            - before.partitions().size(),
                                    warnings.isEmpty() ? "" : "; " + String.join("; ", warnings));
                }
            } catch (NotDone e) {
                if (!e.passes()) {
                    throw StepFailed.because("pg_partman: " + e.getMessage(), "see to the set " + set);
                }
                inTheWay = Optional.of(e.getMessage());
            } catch (PostgresException e) {
                inTheWay = Optional.of(patience.passing(e));
            }
            patience.rest(NOT_SO_OFTEN, inTheWay.orElse(""));
        }
    }

    // --- And back, or for good ---------------------------------------------------------------------------------------

    String reconcile() throws StepFailed, NotNow, InterruptedException {
        Phase phase = now().phase();
        if (phase == Phase.REVERTED) {
            return DONE_BEFORE;
        }
        if (phase != Phase.REVERTING) {
            patience.act((work, _) -> work.rewind(id(), Set.of(Phase.SWAPPED, Phase.CONVERTED), Phase.REVERTING));
        }
        return compare(Phase.REVERTING, Phase.REVERTING);
    }

    String swapBack() throws StepFailed, NotNow, InterruptedException {
        if (now().phase() == Phase.REVERTING) {
            exchange(Phase.REVERTING, (_, tables) -> tables.swapBack(id()));
        }
        return "clients use the old table";
    }

    String drop() throws StepFailed, NotNow, InterruptedException {
        try {
            patience.act((_, tables) -> tables.drop(id()));
        } catch (NotNow e) {
            // An agent that ended just after its drop: nothing else removes a conversion that was swapped back.
            if (!run.resumed() || patience.get((work, _) -> work.find(id())).isPresent()) {
                throw e;
            }
        }
        rows.publish();
        return "the set is gone";
    }

    String finish() throws StepFailed, NotNow, InterruptedException {
        Conversion now = now();
        patience.act(now.spec().table(), (_, tables) -> tables.finish(id()));
        rows.publish();
        return "%s is gone%s"
                .formatted(
                        now.spec().outgoing(),
                        now.spec()
                                .retention()
                                .map(text -> ", retention is " + text)
                                .orElse(""));
    }

    @Override
    public void close() {
        patience.close();
    }
}
