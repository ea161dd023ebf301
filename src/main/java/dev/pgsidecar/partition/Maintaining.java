package dev.pgsidecar.partition;

import dev.pgsidecar.observe.PartitionRun;
import dev.pgsidecar.observe.PartitionRun.Outcome;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.operation.DatabaseTools;
import dev.pgsidecar.operation.Run;
import dev.pgsidecar.operation.Runbook;
import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.partition.SetMaintenance.Attempt;
import dev.pgsidecar.postgres.PartmanSession;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.PartitionSet;
import dev.pgsidecar.postgres.catalog.Partman.Depth;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Maintains sets one after the other, and once more those that failed for a reason that may pass. */
final class Maintaining implements Runbook {

    static final String KIND = "maintenance";

    /** In the result: how each set ended. */
    static final String SETS = "sets";

    /** In the result: which databases could not be asked, and why. */
    private static final String UNREACHABLE = "unreachable";

    private static final Duration FIRST_BACK_OFF = Duration.ofSeconds(2);

    private final MaintenanceRequest request;
    private final DatabaseTools tools;

    /** What the checks have found; empty in an agent that goes on with it. */
    private Map<String, List<PartitionSet>> seen = Map.of();

    private final List<String> unreachable = new ArrayList<>();
    private final Map<Target, PartitionRun> runs = new LinkedHashMap<>();

    /** One set of one database. */
    private record Target(String database, String set) {}

    Maintaining(MaintenanceRequest request, DatabaseTools tools) {
        this.request = request;
        this.tools = tools;
    }

    @Override
    public List<Check> check(Set<String> waivers) throws PostgresException, InterruptedException {
        PartitionChecks checks = new PartitionChecks(tools);
        List<Check> judged = checks.judge(request.databases(), request.sets());
        seen = checks.sets();
        return judged;
    }

    @Override
    public void run(Run run) throws StepFailed, PostgresException, InterruptedException {
        tools.awaitFirstLook(run);
        run.known(UNREACHABLE)
                .ifPresent(before -> ((JsonArray) before).forEach(each -> unreachable.add((String) each)));
        run.known(SETS)
                .ifPresent(before -> ((JsonArray) before).forEach(each -> keep(PartitionRun.of((JsonObject) each))));
        List<Target> again = new ArrayList<>();
        for (String database : request.databases().orElse(tools.databases())) {
            run.step("maintain " + database, () -> maintain(run, database, again));
        }
        Duration backOff = FIRST_BACK_OFF;
        long end = System.nanoTime() + tools.settings().partition().retryFor().toNanos();
        for (int round = 2; !again.isEmpty() && System.nanoTime() + backOff.toNanos() < end; round++) {
            run.rest(backOff);
            List<Target> now = List.copyOf(again);
            again.clear();
            run.step("again " + round, () -> maintain(run, now, again));
            backOff = backOff.multipliedBy(2);
        }
        tools.eyes().lookAtPartitionsSoon();
        conclude(run);
    }

    /** A database that cannot be asked is no reason to leave the others. */
    private String maintain(Run run, String database, List<Target> again) throws StepFailed, InterruptedException {
        List<Target> targets;
        try {
            targets = targets(database);
        } catch (PostgresException e) {
            unreachable.add("%s: %s".formatted(database, e.failure()));
            run.found(UNREACHABLE, new JsonArray(unreachable));
            return "it cannot be asked: " + e.failure();
        }
        return maintain(run, targets, again);
    }

    private List<Target> targets(String database) throws PostgresException, InterruptedException {
        return sets(database).stream()
                .filter(set -> request.sets()
                        .map(names -> names.contains(set.name()))
                        .orElse(set.leftAlone().isEmpty()))
                .map(set -> new Target(database, set.name()))
                .toList();
    }

    private List<PartitionSet> sets(String database) throws PostgresException, InterruptedException {
        if (seen.containsKey(database)) {
            return seen.get(database);
        }
        try (PartmanSession session = PartmanSession.toLook(
                tools.vertx(), tools.settings(), database, "maintenance-looks", DatabaseTools.TO_LOOK)) {
            return session.sets(Depth.SETTINGS);
        }
    }

    private String maintain(Run run, List<Target> targets, List<Target> again) throws StepFailed, InterruptedException {
        int done = 0;
        for (Target target : targets) {
            run.rest(Duration.ZERO); // an exclusive operation goes first
            Attempt attempt = new SetMaintenance(tools, target.database(), target.set()).attempt();
            tools.observations().publish(attempt.run());
            keep(tools.observations()
                    .history()
                    .partitionRun(target.database(), target.set())
                    .orElseThrow()); // with the last success
            if (attempt.passes()) {
                again.add(target);
            }
            run.found(
                    SETS,
                    new JsonArray(runs.values().stream().map(PartitionRun::json).toList()));
            run.note("%d of %d sets, last %s: %s"
                    .formatted(
                            ++done,
                            targets.size(),
                            target.set(),
                            attempt.run().outcome().id()));
        }
        return "%d sets: %s".formatted(targets.size(), counted());
    }

    private void keep(PartitionRun now) {
        runs.merge(
                new Target(now.database(), now.set()),
                now,
                (before, after) -> new PartitionRun(
                        after.database(),
                        after.set(),
                        after.at(),
                        after.outcome(),
                        after.reason(),
                        after.hint(),
                        before.made() + after.made(),
                        before.dropped() + after.dropped(),
                        after.lastSuccess()));
    }

    private String counted() {
        return "%d done, %d skipped, %d failed"
                .formatted(count(Outcome.DONE), count(Outcome.SKIPPED), count(Outcome.FAILED));
    }

    private long count(Outcome outcome) {
        return runs.values().stream().filter(each -> each.outcome() == outcome).count();
    }

    private void conclude(Run run) throws StepFailed {
        run.found("made", runs.values().stream().mapToLong(PartitionRun::made).sum());
        run.found(
                "dropped",
                runs.values().stream().mapToLong(PartitionRun::dropped).sum());
        List<PartitionRun> failed = runs.values().stream()
                .filter(each -> each.outcome() == Outcome.FAILED)
                .toList();
        if (!unreachable.isEmpty()) {
            throw StepFailed.because(
                    "a database cannot be asked: " + String.join("; ", unreachable), "look at the server");
        }
        if (!failed.isEmpty()) {
            PartitionRun first = failed.getFirst();
            throw StepFailed.because(
                    "%d of %d sets: %s in %s: %s"
                            .formatted(failed.size(), runs.size(), first.set(), first.database(), first.reason()),
                    first.hint());
        }
    }

    @Override
    public void close() {
        // each set had a session of its own
    }
}
