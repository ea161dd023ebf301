package dev.pgsidecar.operation;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.observe.Eyes;
import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.observe.Observation.Unanswered;
import dev.pgsidecar.observe.Observations;
import dev.pgsidecar.postgres.Failure;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.Facts;
import io.vertx.core.Vertx;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** What operations in the databases of {@code partition.databases} work with. */
@Singleton
public record DatabaseTools(Settings settings, Vertx vertx, Observations observations, Eyes eyes) {

    /** A partition of many rows is moved, or dropped with its files, in this time. */
    public static final Duration TO_ANSWER = Duration.ofMinutes(30);

    public static final Duration TO_LOOK = Duration.ofSeconds(30);

    private static final Duration SHORTLY = Duration.ofMillis(50);

    public List<String> databases() {
        return settings.partition().databases().orElse(List.of());
    }

    /** An operation that goes on at the agent's start is there before anything was seen. */
    public void awaitFirstLook(Run run) throws StepFailed, InterruptedException {
        while (observations.history().latest().isEmpty()) {
            run.rest(SHORTLY);
        }
    }

    /**
     * What the newest observation saw. It is good enough here: a session that works on partitions says itself whether the
     * server is a replica, and a pause ends it.
     *
     * @throws PostgresException if the server did not answer then
     */
    public Facts facts() throws PostgresException {
        return switch (observations.history().latest().orElse(null)) {
            case Answered answered -> answered.instance().facts();
            case Unanswered unanswered -> throw new PostgresException(unanswered.failure(), null);
            case null -> throw new PostgresException(Failure.Kind.UNREACHABLE, "the first look has not ended");
        };
    }

    /** Why nothing may be done to the server now, by the newest observation; empty if it may. */
    public Optional<String> notNow() {
        try {
            Facts facts = facts();
            return facts.server().inRecovery()
                    ? Optional.of("the server is a replica")
                    : facts.writePause()
                            .map(pause -> "writes are paused (generation %d)".formatted(pause.generation()));
        } catch (PostgresException e) {
            return Optional.of("the server does not answer: " + e.failure());
        }
    }
}
