package dev.pgsidecar.partition;

import dev.pgsidecar.config.Schedule;
import dev.pgsidecar.config.Settings;
import dev.pgsidecar.observe.PartitionRun;
import dev.pgsidecar.observe.PartitionSurvey;
import dev.pgsidecar.operation.DatabaseTools;
import dev.pgsidecar.operation.Engine;
import dev.pgsidecar.operation.Operation;
import dev.pgsidecar.operation.Order;
import dev.pgsidecar.operation.Refusal;
import dev.pgsidecar.postgres.PostgresException;
import io.quarkus.runtime.StartupEvent;
import io.quarkus.scheduler.Scheduled.ConcurrentExecution;
import io.quarkus.scheduler.Scheduler;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import org.jboss.logging.Logger;

/**
 * Orders maintenance when the schedule says so: on a primary whose writes are not paused, for databases that nobody else
 * maintains. On a replica it says nothing, and is ready for the day that it is promoted.
 */
@Singleton
public class Caretaker {

    private static final Logger LOG = Logger.getLogger(Caretaker.class);

    /** The engine has read its journal by then. */
    private static final int AFTER_THE_ENGINE = 20_000;

    private final DatabaseTools tools;
    private final Settings.Partition settings;
    private final Engine engine;
    private final Scheduler scheduler;

    Caretaker(DatabaseTools tools, Engine engine, Scheduler scheduler) {
        this.tools = tools;
        this.settings = tools.settings().partition();
        this.engine = engine;
        this.scheduler = scheduler;
    }

    /** Maintenance was due, and could not be ordered yet: on a replica that may be until it is promoted. */
    private volatile boolean owed;

    private final Semaphore wanted = new Semaphore(0);

    void start(@Observes @Priority(AFTER_THE_ENGINE) StartupEvent started) {
        engine.newestFirst().reversed().stream()
                .filter(operation -> Set.of(Maintaining.KIND, Rescuing.KIND).contains(operation.kind()))
                .forEach(this::remember);
        if (tools.databases().isEmpty() || settings.mode() == Settings.PartitionMode.REPORT) {
            return;
        }
        scheduler
                .newJob(Maintaining.KIND)
                .setCron(settings.schedule())
                .setTimeZone("UTC")
                .setConcurrentExecution(ConcurrentExecution.SKIP)
                .setTask(_ -> afterJitter(), true)
                .schedule();
        scheduler.resume();
        owed = missed();
        tools.observations().follow(_ -> {
            if (owed) {
                wanted.release();
            }
        });
        Thread.ofVirtual().name("caretaker").start(this::run);
    }

    /** What an agent that has ended knew of the sets. */
    private void remember(Operation operation) {
        JsonArray sets = operation
                .result()
                .getJsonArray(Maintaining.SETS, new JsonArray())
                .copy();
        Optional.ofNullable(operation.result().getJsonObject(Rescuing.MAINTENANCE))
                .ifPresent(sets::add);
        sets.stream().map(each -> PartitionRun.of((JsonObject) each)).forEach(tools.observations()::publish);
    }

    /** Whether the last time that it was due, nobody was there: a daily run must not fall out over a restart. */
    private boolean missed() {
        Optional<Instant> due = Schedule.of(settings.schedule()).before(Instant.now());
        Optional<Instant> last = engine.newestFirst().stream()
                .filter(operation -> operation.kind().equals(Maintaining.KIND))
                .filter(operation -> !operation.order().request().containsKey("sets"))
                .map(Operation::ordered)
                .findFirst();
        return due.isPresent()
                && last.filter(moment -> !moment.isBefore(due.get())).isEmpty();
    }

    private void run() {
        try {
            while (true) {
                wanted.acquire();
                wanted.drainPermits();
                if (owed && tools.notNow().isEmpty()) {
                    owed = false;
                    order();
                }
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt(); // the agent stops
        }
    }

    private void afterJitter() {
        try {
            Thread.sleep(ThreadLocalRandom.current().nextLong(settings.jitter().toMillis() + 1));
            LOG.debug("maintenance is due");
            owed = true;
            wanted.release();
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt(); // the agent stops
        }
    }

    private void order() throws InterruptedException {
        tools.eyes().lookAtPartitions();
        List<String> ours = tools.databases().stream().filter(this::isOurs).toList();
        if (ours.isEmpty()) {
            return;
        }
        try {
            engine.order(new Order(
                    Maintaining.KIND,
                    new JsonObject().put("databases", new JsonArray(ours)),
                    Set.of(),
                    "pgsidecar",
                    "the schedule",
                    Optional.empty()));
        } catch (Refusal refusal) {
            String checks = refusal.checks().stream()
                    .filter(check -> check.failed())
                    .map(check -> "%s: %s; %s".formatted(check.name(), check.found(), check.hint()))
                    .reduce((one, other) -> one + "; " + other)
                    .orElse(refusal.getMessage());
            boolean late = refusal.kind() == Refusal.Kind.BUSY; // the last run is not over yet
            LOG.logf(late ? Logger.Level.DEBUG : Logger.Level.WARN, "no maintenance: %s", checks);
        } catch (PostgresException e) {
            LOG.warnf("no maintenance: %s", e.failure());
        }
    }

    /** Not where somebody else does it, which was told when it was seen; nor where there is nothing to maintain. */
    private boolean isOurs(String database) {
        PartitionSurvey survey = tools.observations().history().partitions().get(database);
        boolean empty = survey.failure().isEmpty() && survey.sets().isEmpty();
        return survey.maintainers().isEmpty() && !empty;
    }
}
