package dev.pgsidecar.observe;

import dev.pgsidecar.postgres.Failure;
import dev.pgsidecar.postgres.Identity;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.Session;
import dev.pgsidecar.postgres.Target;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.SlowFacts;
import java.time.Duration;
import java.util.Optional;
import org.jboss.logging.Logger;

/** Gets the slow facts on a connection that lives only as long: a slow answer never makes a probe stale. */
final class SlowObserver implements Runnable {

    private static final Logger LOG = Logger.getLogger(SlowObserver.class);

    /** Adding up a database of a million files takes seconds. */
    private static final Duration TO_ANSWER = Duration.ofSeconds(30);

    private final Target target;
    private final Identity identity;
    private final Duration every;
    private final Duration afterFailure;
    private final Observations observations;

    SlowObserver(Target target, Identity identity, Duration every, Duration afterFailure, Observations observations) {
        this.target = target;
        this.identity = identity;
        this.every = every;
        this.afterFailure = afterFailure;
        this.observations = observations;
    }

    /** Observes until interrupted. */
    @Override
    public void run() {
        try {
            while (true) {
                SlowObservation observation = observe();
                observations.publish(observation);
                Thread.sleep(observation.failed() ? afterFailure : every);
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt(); // the agent stops
        }
    }

    private SlowObservation observe() throws InterruptedException {
        Optional<SlowFacts> known = observations.history().slow().flatMap(SlowObservation::facts);
        Session session;
        try {
            session = target.openReadOnly("observe-slowly", TO_ANSWER);
        } catch (PostgresException e) {
            return new SlowObservation(Moment.now(), known, Optional.of(e.failure()), Optional.empty());
        }
        try (session) {
            identity.check(session.json(Facts.IDENTITY).getString("system_identifier"));
            SlowFacts facts = SlowFacts.of(session.json(SlowFacts.sql(session.json(SlowFacts.RIGHTS))));
            return new SlowObservation(Moment.now(), Optional.of(facts), Optional.empty(), Optional.empty());
        } catch (PostgresException e) {
            return new SlowObservation(Moment.now(), known, Optional.empty(), Optional.of(e.failure()));
        } catch (RuntimeException e) { // an answer that no PostgreSQL gives
            LOG.error("the server's answer makes no sense", e);
            Failure failure = new Failure(Failure.Kind.UNREACHABLE, "the server's answer makes no sense: " + e);
            return new SlowObservation(Moment.now(), known, Optional.empty(), Optional.of(failure));
        }
    }
}
