package dev.pgsidecar.observe;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.observe.PartitionSurvey.Seen;
import dev.pgsidecar.postgres.ConversionTables;
import dev.pgsidecar.postgres.Failure;
import dev.pgsidecar.postgres.PartmanSession;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.Contents;
import dev.pgsidecar.postgres.catalog.PartitionSet;
import dev.pgsidecar.postgres.catalog.Partman;
import dev.pgsidecar.postgres.catalog.Partman.CronJob;
import dev.pgsidecar.postgres.catalog.Partman.Depth;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;

/** Looks at the partition sets of one database now and then, on a short session of its own. */
final class PartitionObserver implements Runnable {

    private static final Logger LOG = Logger.getLogger(PartitionObserver.class);

    private static final String UNSEEN =
            "pg_cron's jobs cannot be seen: caretaker.sql in the database that cron.database_name names, and a line in pg_hba.conf";

    private static final Duration TO_ANSWER = Duration.ofSeconds(30);

    private final Vertx vertx;
    private final Settings settings;
    private final Observations observations;
    private final Semaphore wanted = new Semaphore(0);
    private PartitionSurvey last;

    PartitionObserver(Vertx vertx, Settings settings, String database, Observations observations) {
        this.vertx = vertx;
        this.settings = settings;
        this.observations = observations;
        this.last = PartitionSurvey.unasked(database);
    }

    @Override
    public void run() {
        try {
            while (true) {
                look();
                if (wanted.tryAcquire(settings.observe().sizesEvery().toMillis(), TimeUnit.MILLISECONDS)) {
                    wanted.drainPermits();
                }
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt(); // the agent stops
        }
    }

    /** Makes the next look begin at once. */
    void lookNow() {
        wanted.release();
    }

    /** Looks once, and publishes what it saw. */
    synchronized void look() throws InterruptedException {
        PartitionSurvey next;
        try {
            next = ask();
        } catch (PostgresException e) {
            next = last.failed(e.failure());
        } catch (RuntimeException e) {
            next = last.failed(Failure.nonsense(e));
        }
        narrate(next);
        last = next;
        observations.publish(next);
    }

    private PartitionSurvey ask() throws PostgresException, InterruptedException {
        Moment at = Moment.now();
        try (PartmanSession session =
                PartmanSession.toLook(vertx, settings, last.database(), "observe-partitions", TO_ANSWER)) {
            List<Seen> seen = new ArrayList<>();
            for (PartitionSet set : session.sets(Depth.SIZES)) {
                seen.add(look(session, set, at));
            }
            observations.publish(new ConversionSurvey(last.database(), at.wall(), new ConversionTables(session).all()));
            Optional<List<CronJob>> jobs = cronJobs(session);
            return new PartitionSurvey(
                    last.database(),
                    at,
                    Optional.of(session.partman()),
                    maintainers(session.partman(), jobs.orElse(List.of())),
                    jobs.isPresent() ? Optional.empty() : Optional.of(UNSEEN),
                    List.copyOf(seen),
                    Optional.empty());
        }
    }

    /** What one set hides, or has broken, does not hide the others. */
    private Seen look(PartmanSession session, PartitionSet set, Moment at)
            throws PostgresException, InterruptedException {
        if (set.quoted().isEmpty()) {
            return new Seen(set, Optional.empty(), set.leftAlone(), Optional.empty());
        }
        try {
            Contents contents = session.contents(set);
            return new Seen(set, Optional.of(contents), Optional.empty(), perSecond(set, contents, at));
        } catch (PostgresException e) {
            if (e.sqlState().isEmpty()) {
                throw e;
            }
            return new Seen(set, Optional.empty(), Optional.of(e.failure().cause()), Optional.empty());
        } catch (NumberFormatException e) {
            return new Seen(
                    set,
                    Optional.empty(),
                    Optional.of("its retention is no number: " + e.getMessage()),
                    Optional.empty());
        }
    }

    private Optional<Double> perSecond(PartitionSet set, Contents now, Moment at) {
        Optional<Seen> seen = last.set(set.name());
        if (seen.isEmpty() || now.largest().isEmpty()) {
            return Optional.empty();
        }
        double seconds = last.at().ageAt(at).toMillis() / 1000.0;
        return seen.get()
                .contents()
                .filter(before -> before.largest().isPresent() && seconds > 0)
                .map(before -> (now.largest().getAsLong() - before.largest().getAsLong()) / seconds);
    }

    private List<String> maintainers(Partman partman, List<CronJob> jobs) {
        List<String> all = new ArrayList<>();
        if (partman.workerDatabases().contains(last.database())) {
            all.add("pg_partman's background worker (pg_partman_bgw.dbname)");
        }
        jobs.stream()
                .filter(job -> job.database().equals(last.database()))
                .map(job -> "pg_cron's job %d%s (%s)"
                        .formatted(job.id(), job.name().map(name -> ", " + name).orElse(""), job.schedule()))
                .forEach(all::add);
        return List.copyOf(all);
    }

    /** Absent if they cannot be seen: then a job and the agent may both maintain, one after the other. */
    private Optional<List<CronJob>> cronJobs(PartmanSession session) throws InterruptedException {
        Optional<String> elsewhere = session.partman().cronDatabase().filter(name -> !name.equals(last.database()));
        try {
            if (elsewhere.isEmpty()) {
                return session.cronJobs();
            }
            try (PartmanSession there =
                    PartmanSession.toLook(vertx, settings, elsewhere.get(), "observe-pg-cron", TO_ANSWER)) {
                return there.cronJobs();
            }
        } catch (PostgresException e) {
            return Optional.empty();
        }
    }

    private void narrate(PartitionSurvey next) {
        Optional<Failure.Kind> was = last.failure().map(Failure::kind);
        Optional<Failure.Kind> is = next.failure().map(Failure::kind);
        if (!was.equals(is)) {
            LOG.warnf(
                    "partitions of %s: %s",
                    next.database(), next.failure().map(Failure::toString).orElse("they can be seen again"));
        }
        if (!next.unseen().equals(last.unseen())) {
            LOG.warnf("partitions of %s: %s", next.database(), next.unseen().orElse("pg_cron's jobs can be seen"));
        }
        if (!next.maintainers().equals(last.maintainers())) {
            LOG.infof(
                    "partitions of %s are maintained by %s",
                    next.database(),
                    next.maintainers().isEmpty() ? "nobody else" : String.join(", ", next.maintainers()));
        }
    }
}
