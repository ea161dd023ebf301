package dev.pgsidecar.observe;

import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.config.Configuration;
import dev.pgsidecar.config.InvalidConfiguration;
import dev.pgsidecar.config.Settings;
import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.observe.Observation.Unanswered;
import dev.pgsidecar.postgres.ControlFile;
import dev.pgsidecar.postgres.Failure;
import dev.pgsidecar.postgres.Identity;
import dev.pgsidecar.postgres.Target;
import io.vertx.core.Vertx;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import org.awaitility.core.ConditionTimeoutException;

/** An observer on a real server, ten times as fast as usual, with all that it published. */
final class Watch implements AutoCloseable {

    private static final Vertx VERTX = Vertx.vertx();

    private final Observations observations = new Observations();
    private final List<Observation> all = Collections.synchronizedList(new ArrayList<>());
    private final Thread thread;

    private Watch(Settings settings) {
        observations.follow(history -> history.latest().ifPresent(all::add));
        Observer observer = new Observer(
                new Target(VERTX, settings),
                new Identity(settings),
                new ControlFile(settings),
                Backoff.of(settings.observe()),
                observations);
        thread = Thread.ofVirtual().start(observer);
    }

    /** Watches as superuser, unless the settings say otherwise. */
    static Watch on(Postgres server, Path state, String... keysAndValues) {
        return new Watch(settings(server.port(), state, keysAndValues));
    }

    static Watch onPort(int port, Path state, String... keysAndValues) {
        return new Watch(settings(port, state, keysAndValues));
    }

    static Settings settings(int port, Path state, String... keysAndValues) {
        Map<String, String> flags = new HashMap<>(Map.of(
                "pgsidecar.postgres.port",
                "" + port,
                "pgsidecar.observe.connect-every",
                "500ms",
                "pgsidecar.observe.sizes-every",
                "1s",
                "pgsidecar.postgres.user",
                Postgres.SUPERUSER,
                "pgsidecar.postgres.database",
                Postgres.DATABASE,
                "pgsidecar.state-dir",
                state.toString(),
                "pgsidecar.observe.interval",
                "100ms",
                "pgsidecar.observe.timeout",
                "1s",
                "pgsidecar.observe.stale-after",
                "3s"));
        for (int index = 0; index < keysAndValues.length; index += 2) {
            flags.put("pgsidecar." + keysAndValues[index], keysAndValues[index + 1]);
        }
        try {
            return Configuration.load(Optional.of(Path.of("src/test/resources/empty.yaml")), flags, Map.of())
                    .settings();
        } catch (InvalidConfiguration e) {
            throw new IllegalArgumentException(e);
        }
    }

    static Vertx vertx() {
        return VERTX;
    }

    /** All that was published so far. */
    List<Observation> all() {
        synchronized (all) {
            return List.copyOf(all);
        }
    }

    History history() {
        return observations.history();
    }

    /** Waits for an answer that fits. */
    Instance awaitInstance(Predicate<Instance> fits) {
        return ((Answered)
                        awaitObservation(seen -> seen instanceof Answered answered && fits.test(answered.instance())))
                .instance();
    }

    Instance awaitInstance() {
        return awaitInstance(instance -> true);
    }

    /** Waits for a failure of this kind. */
    Failure awaitFailure(Failure.Kind kind) {
        return ((Unanswered) awaitObservation(seen -> seen instanceof Unanswered unanswered
                        && unanswered.failure().kind() == kind))
                .failure();
    }

    /** Waits until the newest observation fits. */
    Observation awaitObservation(Predicate<Observation> fits) {
        try {
            return await("an observation that fits")
                    .atMost(Duration.ofSeconds(20))
                    .pollInterval(Duration.ofMillis(20))
                    .until(() -> observations.history().latest().filter(fits), Optional::isPresent)
                    .orElseThrow();
        } catch (ConditionTimeoutException e) {
            throw new AssertionError("the newest is " + observations.history().latest(), e);
        }
    }

    @Override
    public void close() {
        end(thread);
    }

    /** Interrupts an observer and waits until it has let go of its connections. */
    static void end(Thread observer) {
        observer.interrupt();
        try {
            observer.join();
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted while the observer ends", e);
        }
    }
}
