package dev.pgsidecar.partition;

import dev.pgsidecar.observe.PartitionRun;
import dev.pgsidecar.observe.PartitionsDocument;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.operation.DatabaseTools;
import dev.pgsidecar.operation.Run;
import dev.pgsidecar.operation.Runbook;
import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.postgres.PartmanSession;
import dev.pgsidecar.postgres.PartmanWork;
import dev.pgsidecar.postgres.PartmanWork.NotDone;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.Contents;
import dev.pgsidecar.postgres.catalog.Contents.Range;
import dev.pgsidecar.postgres.catalog.PartitionSet;
import io.vertx.core.json.JsonArray;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Moves the rows of a default partition into partitions of their own, one missing partition after the other, each in one
 * transaction: rows are never missing and never double, and after a crash it begins with what is left.
 */
final class Rescuing implements Runbook {

    static final String KIND = "rescue";

    /** In the result: how the maintenance after it ended. */
    static final String MAINTENANCE = "maintenance";

    /** Asks whether it is possible at all. */
    static final String ANY = "*";

    static final List<String> NAMES = Stream.concat(PartitionChecks.NAMES.stream(), RescueChecks.NAMES.stream())
            .toList();

    private static final Duration BACK_OFF = Duration.ofSeconds(1);

    private final RescueRequest request;
    private final DatabaseTools tools;

    /** The ranges that are still to be moved, as of the last look at all of them. */
    private final List<Range> planned = new ArrayList<>();

    Rescuing(RescueRequest request, DatabaseTools tools) {
        this.request = request;
        this.tools = tools;
    }

    @Override
    public List<Check> check(Set<String> waivers) throws PostgresException, InterruptedException {
        PartitionChecks common = new PartitionChecks(tools);
        Optional<List<String>> names =
                request.set().equals(ANY) ? Optional.empty() : Optional.of(List.of(request.set()));
        List<Check> checks = new ArrayList<>(common.judge(Optional.of(List.of(request.database())), names));
        if (names.isPresent() && checks.stream().noneMatch(Check::failed)) {
            checks.addAll(rescueChecks());
        }
        return checks;
    }

    private List<Check> rescueChecks() throws PostgresException, InterruptedException {
        try (PartmanSession session = PartmanSession.toLook(
                tools.vertx(), tools.settings(), request.database(), "check-rescue", DatabaseTools.TO_LOOK)) {
            Optional<PartitionSet> set = session.set(request.set())
                    .filter(each -> each.unit().isPresent())
                    .filter(each -> each.defaultPartition().isPresent());
            return set.isPresent()
                    ? new RescueChecks(set.get(), session.allContents(set.get())).judge()
                    : List.of(Check.failed(
                            RescueChecks.ROWS,
                            "it has no default partition, or is parted by something else than a time or a number",
                            "rows in the default partition that can have one of their own",
                            "GET /v1/partitions"));
        }
    }

    @Override
    public void run(Run run) throws StepFailed, PostgresException, InterruptedException {
        tools.awaitFirstLook(run);
        run.step("move", () -> move(run));
        run.step("maintain", () -> maintain(run));
        tools.eyes().lookAtPartitionsSoon();
    }

    private String move(Run run) throws StepFailed, PostgresException, InterruptedException {
        long moved = run.known("rows").map(rows -> ((Number) rows).longValue()).orElse(0L);
        int partitions =
                run.known("partitions").map(many -> ((Number) many).intValue()).orElse(0);
        long lastMoved = System.nanoTime();
        while (true) {
            Optional<Long> rows;
            Optional<String> inTheWay;
            try {
                rows = moveNext(run);
                inTheWay = Optional.empty();
            } catch (NotDone e) {
                if (!e.passes()) {
                    throw StepFailed.because(
                            "%d rows moved, then: %s".formatted(moved, e.getMessage()), "GET /v1/partitions");
                }
                rows = Optional.empty();
                inTheWay = Optional.of(e.getMessage());
            } catch (PostgresException e) {
                String why = e.failure().cause().lines().findFirst().orElse("");
                if (!Judgement.passes(e.sqlState(), why)) {
                    throw e;
                }
                rows = Optional.empty();
                inTheWay = Optional.of(why);
            }
            if (rows.isPresent()) {
                moved += rows.get();
                run.found("rows", moved);
                run.found("partitions", ++partitions);
                lastMoved = System.nanoTime();
                run.note("%d rows moved into %d partitions".formatted(moved, partitions));
                run.rest(Duration.ZERO); // an exclusive operation goes first
            } else if (inTheWay.isEmpty()) {
                return "%d rows moved into %d partitions".formatted(moved, partitions);
            } else if (System.nanoTime() - lastMoved
                    > tools.settings().partition().retryFor().toNanos()) {
                throw StepFailed.because(
                        "%d rows moved, then: %s".formatted(moved, inTheWay.get()),
                        "remove what is in the way, and order it again: it goes on with what is left");
            } else {
                run.note("%d rows moved; waiting: %s".formatted(moved, inTheWay.get()));
                run.rest(BACK_OFF);
            }
        }
    }

    /** Moves the rows of one missing partition, those ahead first: they keep maintenance from going on. Empty if none is left. */
    private Optional<Long> moveNext(Run run) throws PostgresException, NotDone, StepFailed, InterruptedException {
        Optional<String> notNow = tools.notNow();
        if (notNow.isPresent()) {
            throw new NotDone(notNow.get(), true);
        }
        try (PartmanSession session = PartmanSession.toWork(
                tools.vertx(), tools.settings(), request.database(), KIND, DatabaseTools.TO_ANSWER)) {
            PartitionSet set = session.set(request.set())
                    .orElseThrow(() -> StepFailed.because("pg_partman does not have this set any more", ""));
            PartmanWork work = new PartmanWork(session);
            if (planned.isEmpty()) {
                plan(run, set, session.allContents(set));
                tellOfPublications(run, work.publications(set));
            }
            if (planned.isEmpty()) {
                return Optional.empty();
            }
            Range next = planned.getFirst();
            List<String> holders =
                    work.holdersOf(set, List.of(), tools.settings().partition().lockTimeout());
            if (!holders.isEmpty()) {
                throw new NotDone("held by " + String.join("; ", holders), true);
            }
            run.found("last", PartitionsDocument.bounds(set, next.from(), next.to()));
            long rows = work.move(set, next);
            planned.removeFirst();
            return Optional.of(rows);
        }
    }

    /** What there is to move, those ahead of the newest partition first; it costs a look at all rows for each of them. */
    private void plan(Run run, PartitionSet set, Contents contents) {
        List<Range> movable = Judgement.movable(set, contents);
        movable.stream().filter(range -> Judgement.isAhead(set, range)).forEach(planned::add);
        movable.stream().filter(range -> !Judgement.isAhead(set, range)).forEach(planned::add);
        run.found(
                "left",
                new JsonArray(new RescueChecks(set, contents)
                        .left().stream().map(RescueChecks.LeftRows::text).toList()));
    }

    private void tellOfPublications(Run run, List<String> publications) {
        if (!planned.isEmpty() && !publications.isEmpty()) {
            run.found(
                    "warnings",
                    new JsonArray()
                            .add("publications name each partition: ALTER SUBSCRIPTION ... REFRESH PUBLICATION at the"
                                    + " subscribers of " + String.join(", ", publications)));
        }
    }

    /** What the rows kept from being made is made. */
    private String maintain(Run run) throws StepFailed, InterruptedException {
        PartitionRun last = new SetMaintenance(tools, request.database(), request.set())
                .attempt()
                .run();
        tools.observations().publish(last);
        run.found(MAINTENANCE, last.json());
        if (last.outcome() == PartitionRun.Outcome.FAILED) {
            throw StepFailed.because("the rows were moved, then maintenance failed: " + last.reason(), last.hint());
        }
        return "%s %s".formatted(last.outcome().id(), last.reason()).strip();
    }

    @Override
    public void close() {
        // each transaction had a session of its own
    }
}
