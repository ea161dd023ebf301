package dev.pgsidecar.writes;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.observe.Eyes;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.observe.Observations;
import dev.pgsidecar.operation.Run;
import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.postgres.Line;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.WritePauses;
import dev.pgsidecar.postgres.catalog.WritePause;
import io.vertx.core.Vertx;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Predicate;

/** What all commands of this room work with. */
@Singleton
class Tools {

    static final Duration QUICKLY = Duration.ofMillis(10);

    private static final Duration TO_ANSWER = Duration.ofSeconds(10);
    private static final Duration TO_BE_SEEN = Duration.ofSeconds(10);

    private final Settings settings;
    private final Vertx vertx;
    private final Observations observations;
    private final Eyes eyes;
    private Optional<Line> spare = Optional.empty();

    Tools(Settings settings, Vertx vertx, Observations observations, Eyes eyes) {
        this.settings = settings;
        this.vertx = vertx;
        this.observations = observations;
        this.eyes = eyes;
    }

    /**
     * A session for an order. During a pause one that an order has left is waiting: clients that come back all at once can
     * keep a server from taking a new connection for seconds, and a resume must not wait for that.
     */
    synchronized Line line(String purpose) {
        Line line = spare.orElseGet(() -> new Line(vertx, settings, purpose, TO_ANSWER));
        spare = Optional.empty();
        return line;
    }

    /** Takes a session back. */
    synchronized void giveBack(Line line) {
        boolean paused = observations
                .history()
                .lastAnswered()
                .filter(seen -> seen.instance().facts().writePause().isPresent())
                .isPresent();
        if (paused && spare.isEmpty()) {
            spare = Optional.of(line);
        } else {
            line.close();
        }
    }

    /** Closes the one that waits: the pause is over. */
    synchronized void closeSpare() {
        spare.ifPresent(Line::close);
        spare = Optional.empty();
    }

    Settings settings() {
        return settings;
    }

    Observations observations() {
        return observations;
    }

    Eyes eyes() {
        return eyes;
    }

    /** Ends the sessions that began in a pause that is over: they would stay read-only. */
    static String endSessions(WritePauses pauses, long generation) throws PostgresException, InterruptedException {
        return "%d that began in the pause"
                .formatted(pauses.terminateSessions(generation).sessions());
    }

    /** Until probes and peers are told of it: at once, unless the observer has trouble. */
    String beSeen(Run run, Predicate<Optional<WritePause>> asItShould) throws StepFailed, InterruptedException {
        Moment began = Moment.now();
        eyes.lookNow();
        while (true) {
            Optional<Answered> seen = observations.history().lastAnswered();
            if (seen.filter(last -> asItShould.test(last.instance().facts().writePause()))
                    .isPresent()) {
                return "observed";
            }
            if (began.ageAt(Moment.now()).compareTo(TO_BE_SEEN) > 0) {
                return "not observed yet: see the agent's log";
            }
            run.rest(QUICKLY);
        }
    }
}
