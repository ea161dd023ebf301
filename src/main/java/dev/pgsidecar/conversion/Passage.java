package dev.pgsidecar.conversion;

import dev.pgsidecar.observe.ConversionSurvey;
import dev.pgsidecar.operation.DatabaseTools;
import dev.pgsidecar.operation.Run;
import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.postgres.ConversionTables;
import dev.pgsidecar.postgres.ConversionWork;
import dev.pgsidecar.postgres.ConversionWork.Batch;
import dev.pgsidecar.postgres.ConversionWork.Compared;
import dev.pgsidecar.postgres.ConversionWork.Drained;
import dev.pgsidecar.postgres.ConversionWork.NotNow;
import dev.pgsidecar.postgres.ConversionWork.Why;
import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.PartmanSession;
import dev.pgsidecar.postgres.PartmanWork;
import dev.pgsidecar.postgres.PartmanWork.NotDone;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.Conversion;
import dev.pgsidecar.postgres.catalog.Conversion.Phase;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.PartitionSet;
import dev.pgsidecar.postgres.catalog.WalSender;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/** The way of one conversion through its phases. Each method does one of them, and nothing if that is done already. */
final class Passage implements AutoCloseable {

    private static final Duration SHORTLY = Duration.ofMillis(100);
    private static final Duration NOT_SO_OFTEN = Duration.ofMillis(500);
    private static final Duration PREMAKE_EVERY = Duration.ofMinutes(5);

    private static final long COMPARED = 10_000;
    private static final int DRAINED = 500;

    /** So often a range may differ although its rows were made equal again: then it is no accident. */
    private static final int TRIES = 50;

    private final DatabaseTools tools;
    private final ConversionName name;
    private final Run run;
    private final Patience patience;
    private final long maxLag;
    private long lastNote = System.nanoTime();
    private long rowsAtLastNote = -1;
    private double perSecond;

    Passage(DatabaseTools tools, ConversionName name, Run run, long maxLag) {
        this.tools = tools;
        this.name = name;
        this.run = run;
        this.patience = new Patience(tools, name);
        this.maxLag = maxLag;
    }

    private Patience.Rest resting() {
        return Patience.resting(run);
    }

    private long id() {
        return name.id();
    }

    Conversion now() throws StepFailed, NotNow, InterruptedException {
        Conversion now = patience.until(resting(), Optional.empty(), (work, _) -> work.find(id()))
                .orElseThrow(() -> StepFailed.because("%s is over".formatted(name), "GET /v1/partitions"));
        if (now.phase() == Phase.CANCELLING) {
            throw ConversionWork.notNow(Why.CANCELLED, "somebody has cancelled it");
        }
        return now;
    }

    private boolean isBehind(Phase phase) throws StepFailed, NotNow, InterruptedException {
        return now().phase().compareTo(phase) > 0;
    }

    // --- The triggers, and the rows ----------------------------------------------------------------------------------

    String attach() throws StepFailed, NotNow, InterruptedException {
        Conversion now = now();
        if (now.phase() == Phase.CREATED) {
            patience.until(resting(), Optional.of(now.spec().table()), (_, tables) -> {
                tables.attach(id());
                return null;
            });
        }
        return "what is written to %s is written to the new table, too"
                .formatted(now.spec().table());
    }

    String copy() throws StepFailed, NotNow, InterruptedException {
        if (isBehind(Phase.ATTACHED)) {
            return "done before";
        }
        Pace pace = Pace.FIRST;
        long skipped = 0;
        long premade = System.nanoTime();
        for (boolean over = false; !over; ) {
            brake();
            long most = pace.most();
            Batch batch = patience.until(resting(), Optional.empty(), (work, _) -> work.copy(id(), most));
            pace = pace.after(batch.effort());
            skipped += batch.skipped();
            over = batch.over();
            tell();
            if (System.nanoTime() - premade > PREMAKE_EVERY.toNanos()) {
                premake();
                premade = System.nanoTime();
            }
            run.rest(pace.rest());
        }
        drain(Set.of(Phase.ATTACHED));
        long copied = now().rows();
        patience.until(resting(), Optional.empty(), (work, _) -> {
            work.rewind(id(), Set.of(Phase.ATTACHED), Phase.COPIED);
            return null;
        });
        return "%d rows copied; %d were held by somebody at first".formatted(copied, skipped);
    }

    /** Until each row that is noted now was made equal; clients of a stricter isolation level may note others all the time. */
    private void drain(Set<Phase> phases) throws StepFailed, NotNow, InterruptedException {
        drain(phases, patience.until(resting(), Optional.empty(), (work, _) -> work.lastNote(id(), phases)));
    }

    /** Until there is a moment without a note. */
    private void drainAll(Set<Phase> phases) throws StepFailed, NotNow, InterruptedException {
        drain(phases, Long.MAX_VALUE);
    }

    private void drain(Set<Phase> phases, long last) throws StepFailed, NotNow, InterruptedException {
        Drained drained;
        do {
            brake();
            drained = patience.until(resting(), Optional.empty(), (work, _) -> work.drain(id(), phases, DRAINED, last));
            if (drained.notes() == 0 && drained.more()) {
                run.note("waiting: rows that somebody holds");
                run.rest(SHORTLY);
            } else if (drained.more()) {
                run.rest(Duration.ZERO); // who cancels it is heard
            }
        } while (drained.more());
    }

    /** A standby that cannot follow would have to be waited for in an emergency. */
    private void brake() throws StepFailed, InterruptedException {
        while (lag().orElse(0) > maxLag) {
            run.note("waiting: a standby is %d MB behind".formatted(lag().orElse(0) >> 20));
            run.rest(NOT_SO_OFTEN);
        }
    }

    /** How far the standby that is most behind has to go, in bytes. */
    private OptionalLong lag() {
        try {
            Facts facts = tools.facts();
            Optional<Lsn> here = facts.wal().here();
            return facts.senders().stream()
                    .map(WalSender::replay)
                    .flatMap(Optional::stream)
                    .filter(_ -> here.isPresent())
                    .mapToLong(replay -> here.get().bytes() - replay.bytes())
                    .max();
        } catch (PostgresException _) {
            return OptionalLong.empty(); // whoever works next waits for the server
        }
    }

    private void tell() throws StepFailed, NotNow, InterruptedException {
        long moment = System.nanoTime();
        if (moment - lastNote < NOT_SO_OFTEN.toNanos()) {
            return;
        }
        Conversion now = now();
        if (rowsAtLastNote >= 0 && now.rows() >= rowsAtLastNote) {
            double rate = (now.rows() - rowsAtLastNote) * 1e9 / (moment - lastNote);
            perSecond = perSecond == 0 ? rate : perSecond * 0.7 + rate * 0.3;
        }
        rowsAtLastNote = now.rows();
        lastNote = moment;
        long left = perSecond < 1 ? 0 : (long) (Math.max(0, now.total() - now.rows()) / perSecond);
        JsonObject progress = new JsonObject()
                .put("phase", now.phase().id())
                .put("rows", now.rows())
                .put("total", now.total())
                .put("percent", Math.floor(now.share() * 1000) / 10)
                .put("rowsPerSecond", Math.round(perSecond))
                .put("secondsLeft", left);
        lag().ifPresent(bytes -> progress.put("standbyLagBytes", bytes));
        run.found("progress", progress);
        run.note("%d of about %d rows, %.1f %%, %d a second, %d s left"
                .formatted(now.rows(), now.total(), now.share() * 100, Math.round(perSecond), left));
        publish();
    }

    private void publish() throws StepFailed, NotNow, InterruptedException {
        List<Conversion> all = patience.until(resting(), Optional.empty(), (_, tables) -> tables.all());
        tools.observations().publish(new ConversionSurvey(name.database(), Instant.now(), all));
    }

    // --- Comparing ---------------------------------------------------------------------------------------------------

    String verify() throws StepFailed, NotNow, InterruptedException {
        if (isBehind(Phase.COPIED)) {
            return "done before";
        }
        return compare(Phase.COPIED, Phase.VERIFIED);
    }

    private String compare(Phase in, Phase then) throws StepFailed, NotNow, InterruptedException {
        rowsAtLastNote = -1;
        long mended = 0;
        int tries = 0;
        Pace pace = Pace.FIRST;
        for (boolean over = false; !over; ) {
            brake();
            Compared compared = patience.until(
                    resting(), Optional.empty(), (work, _) -> work.compare(id(), Set.of(in), then, COMPARED));
            pace = pace.after(compared.effort());
            if (compared.equal()) {
                tries = 0;
                over = compared.over();
                tell();
                run.rest(pace.rest());
                continue;
            }
            if (++tries > TRIES) {
                throw StepFailed.because(
                        "rows differ again and again although they were made equal",
                        "POST /v1/partitions/conversions/%s/cancel, and report it".formatted(name));
            }
            mended += patience.until(
                    resting(), Optional.empty(), (work, _) -> work.noteDifferences(id(), Set.of(in), COMPARED));
            drainAll(Set.of(in));
            run.rest(pace.rest());
        }
        return "every row is there, and the same; %d were made so again".formatted(mended);
    }

    // --- Changing places ---------------------------------------------------------------------------------------------

    String prepare() throws StepFailed, NotNow, InterruptedException {
        if (isBehind(Phase.VERIFIED)) {
            return "done before";
        }
        if (!patience.until(resting(), Optional.empty(), (_, tables) -> tables.placed(id()))) {
            premake();
            patience.until(resting(), Optional.empty(), (_, tables) -> {
                tables.analyze(id());
                return null;
            });
        }
        patience.until(resting(), Optional.empty(), (_, tables) -> {
            tables.place(id());
            return null;
        });
        return "partitions for the present are there, and analyzed";
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
            resting().rest(NOT_SO_OFTEN, inTheWay.orElse(""));
        }
    }

    String swap() throws StepFailed, NotNow, InterruptedException {
        if (isBehind(Phase.VERIFIED)) {
            return "done before";
        }
        Conversion now = now();
        while (true) {
            drainAll(Set.of(Phase.VERIFIED));
            awaitOldSnapshots();
            try {
                Instant began = Instant.now();
                patience.until(resting(), Optional.of(now.spec().table()), (_, tables) -> {
                    tables.swap(id());
                    return null;
                });
                publish();
                return "clients use the set, since " + began;
            } catch (NotNow e) {
                if (e.why() != Why.NOTES) {
                    throw e;
                }
                run.note("waiting: clients of a stricter isolation level than READ COMMITTED write all the time");
                run.rest(Duration.ZERO);
            }
        }
    }

    /** Who began before the last row was copied, and sees the database as of then, would not find that row in the new table. */
    private void awaitOldSnapshots() throws StepFailed, NotNow, InterruptedException {
        while (true) {
            List<String> old = patience.until(resting(), Optional.empty(), (work, _) -> work.oldSnapshots(id()));
            if (old.isEmpty()) {
                return;
            }
            run.note("waiting: " + String.join("; ", old) + ", who would not see all rows of the new table");
            run.rest(NOT_SO_OFTEN);
        }
    }

    String maintain() throws StepFailed, NotNow, InterruptedException {
        if (isBehind(Phase.SWAPPED)) {
            return "done before";
        }
        patience.until(resting(), Optional.empty(), (_, tables) -> {
            tables.release(id());
            return null;
        });
        String made = premake();
        patience.until(resting(), Optional.empty(), (_, tables) -> {
            tables.converted(id());
            return null;
        });
        publish();
        return made;
    }

    // --- Back --------------------------------------------------------------------------------------------------------

    String reconcile() throws StepFailed, NotNow, InterruptedException {
        Conversion now = now();
        if (now.phase() == Phase.REVERTED) {
            return "done before";
        }
        if (now.phase() != Phase.REVERTING) {
            patience.until(resting(), Optional.empty(), (work, _) -> {
                work.rewind(id(), Set.of(Phase.SWAPPED, Phase.CONVERTED), Phase.REVERTING);
                return null;
            });
        }
        return compare(Phase.REVERTING, Phase.REVERTING);
    }

    String swapBack() throws StepFailed, NotNow, InterruptedException {
        Conversion now = now();
        while (now.phase() == Phase.REVERTING) {
            drainAll(Set.of(Phase.REVERTING));
            awaitOldSnapshots();
            try {
                patience.until(resting(), Optional.of(now.spec().table()), (_, tables) -> {
                    tables.swapBack(id());
                    return null;
                });
            } catch (NotNow e) {
                if (e.why() != Why.NOTES) {
                    throw e;
                }
                run.note("waiting: clients of a stricter isolation level than READ COMMITTED write all the time");
                run.rest(Duration.ZERO);
            }
            now = now();
        }
        return "clients use the old table";
    }

    String drop() throws StepFailed, NotNow, InterruptedException {
        patience.until(resting(), Optional.empty(), (_, tables) -> {
            tables.drop(id());
            return null;
        });
        publish();
        return "the set is gone";
    }

    String finish() throws StepFailed, NotNow, InterruptedException {
        Conversion now = now();
        patience.until(resting(), Optional.of(now.spec().table()), (_, tables) -> {
            tables.finish(id());
            return null;
        });
        publish();
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
