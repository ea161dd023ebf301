package dev.pgsidecar.observe;

import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.observe.Observation.Unanswered;
import dev.pgsidecar.postgres.ControlFile;
import dev.pgsidecar.postgres.Failure;
import dev.pgsidecar.postgres.Identity;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.ServerVersion;
import dev.pgsidecar.postgres.Session;
import dev.pgsidecar.postgres.Target;
import dev.pgsidecar.postgres.catalog.Facts;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;

/**
 * The eyes: a loop on a virtual thread that owns the one connection at rest and turns one round trip per tick into an
 * {@link Observation}.
 */
final class Observer implements Runnable {

    private static final Logger LOG = Logger.getLogger(Observer.class);

    private final Target target;
    private final Identity identity;
    private final ControlFile controlFile;
    private final Backoff backoff;
    private final Observations observations;

    /** Somebody does not want to wait for the next tick. */
    private final Semaphore wanted = new Semaphore(0);

    private Optional<Connected> connected = Optional.empty();
    private Upstream upstream = Upstream.NONE;
    private int failures;

    /** An open session and the statement for its server's version. */
    private record Connected(Session session, String facts, boolean pausable, Moment since) {}

    Observer(Target target, Identity identity, ControlFile controlFile, Backoff backoff, Observations observations) {
        this.target = target;
        this.identity = identity;
        this.controlFile = controlFile;
        this.backoff = backoff;
        this.observations = observations;
    }

    /** Makes the next tick begin at once. */
    void lookNow() {
        wanted.release();
    }

    /** Observes until interrupted. */
    @Override
    public void run() {
        try {
            while (true) {
                tick();
                Duration pause =
                        backoff.after(failures, ThreadLocalRandom.current().nextDouble());
                if (wanted.tryAcquire(pause.toNanos(), TimeUnit.NANOSECONDS)) {
                    wanted.drainPermits();
                }
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt(); // the agent stops
        } finally {
            disconnect();
        }
    }

    /** Nothing but an interrupt ends the loop: an agent that sees nothing any more would be worse than a wrong line. */
    private void tick() throws InterruptedException {
        try {
            Observation observation = observe();
            failures = observation instanceof Answered ? 0 : failures + 1;
            Logger.Level level = observation instanceof Answered ? Logger.Level.INFO : Logger.Level.WARN;
            Narration.between(observations.history(), observation).ifPresent(line -> LOG.log(level, line));
            observations.publish(observation);
        } catch (RuntimeException e) {
            failures++;
            LOG.error("a tick failed", e);
        }
    }

    private Observation observe() throws InterruptedException {
        Moment asked = Moment.now();
        try {
            letGoOfAServerThatShutsDown();
            Instance instance = Instance.of(ask(), upstream);
            upstream = instance.upstream();
            Moment since = connected.orElseThrow().since();
            return new Answered(asked, asked.ageAt(Moment.now()), instance, since);
        } catch (PostgresException e) {
            return unanswered(asked, e.failure());
        } catch (RuntimeException e) {
            disconnect();
            return unanswered(asked, Failure.nonsense(e));
        }
    }

    /**
     * A smart shutdown waits for every session to end, ours too; only a fresh connection is told of it. While the one at
     * rest lives, "starting" can only be a translated "shutting down".
     */
    private void letGoOfAServerThatShutsDown() {
        boolean shutsDown = connected.isPresent()
                && observations
                        .history()
                        .refusal(connected.get().since())
                        .filter(failure ->
                                failure.kind() == Failure.Kind.SHUTTING_DOWN || failure.kind() == Failure.Kind.STARTING)
                        .isPresent();
        if (shutsDown) {
            disconnect();
        }
    }

    private Unanswered unanswered(Moment asked, Failure failure) {
        if (failure.kind() == Failure.Kind.WRONG_INSTANCE) {
            upstream = Upstream.NONE; // if that one is accepted, it has another
        }
        Moment now = Moment.now();
        return new Unanswered(now, asked.ageAt(now), downOrStopped(failure), controlFile.modified());
    }

    private Failure downOrStopped(Failure failure) {
        if (failure.kind() != Failure.Kind.DOWN) {
            return failure;
        }
        try {
            return identity.expected().filter(controlFile::saysShutDown).isPresent()
                    ? new Failure(Failure.Kind.STOPPED, failure.cause() + "; pg_control says that it was shut down")
                    : failure;
        } catch (PostgresException _) {
            return failure; // whose pg_control it is cannot be told
        }
    }

    /**
     * Asks; a second time when a session that was at rest turns out broken (the new attempt says what the server is
     * now), or when the query met the end of recovery half-way.
     */
    private Facts ask() throws PostgresException, InterruptedException {
        boolean wasAtRest = connected.isPresent();
        try {
            return askOnce();
        } catch (PostgresException e) {
            boolean worthAnother =
                    switch (e.failure().kind()) {
                        case CONNECTION_LOST, SHUTTING_DOWN, QUERY_FAILED -> wasAtRest;
                        default -> false;
                    };
            if (!worthAnother) {
                throw e;
            }
            return askOnce();
        }
    }

    private Facts askOnce() throws PostgresException, InterruptedException {
        try {
            if (connected.isEmpty()) {
                connected = Optional.of(connect());
            }
            Connected now = connected.get();
            Facts facts = Facts.of(now.session().json(now.facts()));
            if (facts.pausable() != now.pausable()) { // install.sql was run since
                disconnect();
                return askOnce();
            }
            return facts;
        } catch (PostgresException e) {
            disconnect();
            throw e;
        }
    }

    private Connected connect() throws PostgresException, InterruptedException {
        Session session = target.openReadOnly("observe");
        try {
            JsonObject answer = session.json(Facts.IDENTITY);
            identity.check(answer.getString("system_identifier"));
            ServerVersion version = new ServerVersion(answer.getInteger("version"));
            requireSupported(version);
            boolean pausable = answer.getBoolean("pausable");
            return new Connected(session, Facts.sql(version, pausable), pausable, Moment.now());
        } catch (PostgresException | InterruptedException | RuntimeException e) {
            session.close();
            throw e;
        }
    }

    private static void requireSupported(ServerVersion version) throws PostgresException {
        if (version.major() < ServerVersion.OLDEST) {
            throw new PostgresException(
                    Failure.Kind.UNSUPPORTED_VERSION,
                    "the server is PostgreSQL %s, the oldest supported is %d".formatted(version, ServerVersion.OLDEST));
        }
        if (version.major() > ServerVersion.NEWEST) {
            LOG.warnf("PostgreSQL %s is newer than any this agent was tested with", version);
        }
    }

    private void disconnect() {
        Optional<Connected> last = connected;
        connected = Optional.empty();
        last.ifPresent(open -> open.session().close());
    }
}
