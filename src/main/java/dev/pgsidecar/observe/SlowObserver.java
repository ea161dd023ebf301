package dev.pgsidecar.observe;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.postgres.Failure;
import dev.pgsidecar.postgres.Identity;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.ServerVersion;
import dev.pgsidecar.postgres.Session;
import dev.pgsidecar.postgres.Target;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.SlowFacts;
import dev.pgsidecar.postgres.catalog.Statistics;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.Optional;
import org.jboss.logging.Logger;

/**
 * Tries a fresh connection now and then, which alone tells that the server still accepts one, and asks for the slow facts
 * on it when they are due. It closes the connection again: a slow answer never makes a probe stale.
 */
final class SlowObserver implements Runnable {

    private static final Logger LOG = Logger.getLogger(SlowObserver.class);

    /** Adding up a database of a million files takes seconds. */
    private static final Duration TO_ANSWER = Duration.ofSeconds(30);

    private final Target target;
    private final Identity identity;
    private final Settings.Observe settings;
    private final Observations observations;

    private SlowObservation last = SlowObservation.beginning(Moment.now());
    private Optional<Moment> asked = Optional.empty();

    SlowObserver(Target target, Identity identity, Settings.Observe settings, Observations observations) {
        this.target = target;
        this.identity = identity;
        this.settings = settings;
        this.observations = observations;
    }

    /** Observes until interrupted. */
    @Override
    public void run() {
        try {
            while (true) {
                tick();
                Thread.sleep(last.connectFailure().isEmpty() ? settings.connectEvery() : settings.interval());
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt(); // the agent stops
        }
    }

    private void tick() throws InterruptedException {
        Session session;
        try {
            session = target.openReadOnly("observe-slowly", TO_ANSWER);
        } catch (PostgresException e) {
            publish(last.refused(e.failure()));
            return;
        } catch (RuntimeException e) {
            publish(last.refused(Failure.nonsense(e)));
            return;
        }
        publish(last.connected());
        try (session) {
            JsonObject answer = session.json(Facts.IDENTITY);
            identity.check(answer.getString("system_identifier"));
            publish(last.answered(
                    Statistics.of(session.json(Statistics.sql(new ServerVersion(answer.getInteger("version")))))));
            if (due()) {
                asked = Optional.of(Moment.now());
                publish(last.answered(SlowFacts.of(session.json(SlowFacts.sql(session.json(SlowFacts.RIGHTS))))));
            }
        } catch (PostgresException e) {
            publish(last.unanswered(e.failure()));
        } catch (RuntimeException e) {
            publish(last.unanswered(Failure.nonsense(e)));
        }
    }

    private boolean due() {
        return asked.filter(then -> then.ageAt(Moment.now()).compareTo(settings.sizesEvery()) < 0)
                .isEmpty();
    }

    private void publish(SlowObservation next) {
        Narration.between(last, next, observations.history().latest()).ifPresent(LOG::warn);
        last = next;
        observations.publish(next);
    }
}
