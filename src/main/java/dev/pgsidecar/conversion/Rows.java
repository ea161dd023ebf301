package dev.pgsidecar.conversion;

import dev.pgsidecar.observe.ConversionSurvey;
import dev.pgsidecar.operation.DatabaseTools;
import dev.pgsidecar.operation.Run;
import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.postgres.ConversionWork.Batch;
import dev.pgsidecar.postgres.ConversionWork.Compared;
import dev.pgsidecar.postgres.ConversionWork.Drained;
import dev.pgsidecar.postgres.ConversionWork.NotNow;
import dev.pgsidecar.postgres.ConversionWork.Why;
import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.Conversion;
import dev.pgsidecar.postgres.catalog.Conversion.Phase;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.WalSender;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/** The rows of a conversion: copied, compared, and made equal where they are not, at a pace that clients can live with. */
final class Rows {

    private static final Duration SHORTLY = Duration.ofMillis(100);
    private static final Duration NOT_SO_OFTEN = Duration.ofMillis(500);

    private static final long COMPARED = 10_000;
    private static final int DRAINED = 500;

    /** So often a range may differ although its rows were made equal again: then it is no accident. */
    private static final int TRIES = 50;

    private final DatabaseTools tools;
    private final ConversionName name;
    private final Run run;
    private final Patience patience;
    private final long maxLag;
    private long lastTold = System.nanoTime();
    private long rowsThen = -1;
    private double perSecond;

    /** @param maxLag bytes that a standby may be behind before it is waited for */
    Rows(DatabaseTools tools, ConversionName name, Run run, Patience patience, long maxLag) {
        this.tools = tools;
        this.name = name;
        this.run = run;
        this.patience = patience;
        this.maxLag = maxLag;
    }

    /** What else is to be looked after. */
    interface Meanwhile {
        void look() throws StepFailed, NotNow, InterruptedException;
    }

    /**
     * Copies all that are not copied yet.
     *
     * @param meanwhile asked after each batch
     * @return how many were held by somebody at first
     */
    long copy(Meanwhile meanwhile) throws StepFailed, NotNow, InterruptedException {
        Pace pace = Pace.FIRST;
        long skipped = 0;
        int tries = 0;
        for (boolean over = false; !over; ) {
            brake();
            long most = pace.most();
            try {
                Batch batch = patience.get((work, _) -> work.copy(name.id(), most));
                pace = pace.after(batch.effort());
                skipped += batch.skipped();
                over = batch.over();
                tries = 0;
            } catch (NotNow e) {
                if (e.why() != Why.NOTES || ++tries > TRIES) {
                    throw e;
                }
                drainNoted();
            }
            if (tell()) { // who relies on what is noted does not wait for long
                drainNoted();
            }
            meanwhile.look();
            run.rest(pace.rest());
        }
        drainNoted();
        return skipped;
    }

    /**
     * Compares all that are not compared yet, and makes equal what differs.
     *
     * @param then the phase that it is in afterwards
     * @return how many were made equal
     */
    long compare(Phase in, Phase then) throws StepFailed, NotNow, InterruptedException {
        rowsThen = -1;
        long mended = 0;
        int tries = 0;
        Pace pace = Pace.FIRST;
        for (boolean over = false; !over; run.rest(pace.rest())) {
            brake();
            Compared compared = patience.get((work, _) -> work.compare(name.id(), Set.of(in), then, COMPARED));
            pace = pace.after(compared.effort());
            if (compared.equal()) {
                tries = 0;
                over = compared.over();
                tell();
                continue;
            }
            if (++tries > TRIES) {
                throw StepFailed.because(
                        "rows differ again and again although they were made equal",
                        "POST /v1/partitions/conversions/%s/cancel, and report it".formatted(name));
            }
            mended += patience.get((work, _) -> work.noteDifferences(name.id(), Set.of(in), COMPARED));
            drainAll(in);
        }
        return mended;
    }

    /** Until each row that is noted now was made equal; clients of a stricter isolation level may note others all the time. */
    private void drainNoted() throws StepFailed, NotNow, InterruptedException {
        Phase in = Phase.ATTACHED;
        drain(in, patience.get((work, _) -> work.lastNote(name.id(), Set.of(in))));
    }

    /** Until there is a moment without a note. */
    void drainAll(Phase in) throws StepFailed, NotNow, InterruptedException {
        drain(in, Long.MAX_VALUE);
    }

    private void drain(Phase in, long last) throws StepFailed, NotNow, InterruptedException {
        Drained drained;
        do {
            brake();
            drained = patience.get((work, _) -> work.drain(name.id(), Set.of(in), DRAINED, last));
            if (drained.notes() == 0 && drained.more()) {
                patience.rest(SHORTLY, "rows that somebody holds");
            } else if (drained.more()) {
                run.rest(Duration.ZERO); // who cancels it is heard
            }
        } while (drained.more());
    }

    /** A standby that cannot follow would have to be waited for in an emergency. */
    private void brake() throws StepFailed, InterruptedException {
        while (lag().orElse(0) > maxLag) {
            patience.rest(NOT_SO_OFTEN, "a standby is %d MB behind".formatted(lag().orElse(0) >> 20));
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

    /** Tells how far it is, if that was some time ago; returns whether it was. */
    private boolean tell() throws StepFailed, NotNow, InterruptedException {
        long moment = System.nanoTime();
        if (moment - lastTold < NOT_SO_OFTEN.toNanos()) {
            return false;
        }
        Conversion now = patience.now();
        if (rowsThen >= 0 && now.rows() >= rowsThen) {
            double rate = (now.rows() - rowsThen) * 1e9 / (moment - lastTold);
            perSecond = perSecond == 0 ? rate : perSecond * 0.7 + rate * 0.3;
        }
        rowsThen = now.rows();
        lastTold = moment;
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
        return true;
    }

    /** Lets everybody see how things stand. */
    void publish() throws StepFailed, NotNow, InterruptedException {
        List<Conversion> all = patience.get((_, tables) -> tables.all());
        tools.observations().publish(new ConversionSurvey(name.database(), Instant.now(), all));
    }
}
