package dev.pgsidecar.partition;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.observe.Eyes;
import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.observe.Observations;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.operation.Run;
import dev.pgsidecar.operation.StepFailed;
import io.vertx.core.Vertx;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** What all of this room works with. */
@Singleton
record Tools(Settings settings, Vertx vertx, Observations observations, Eyes eyes) {

    /** A partition of many rows is moved, or dropped with its files, in this time. */
    static final Duration TO_ANSWER = Duration.ofMinutes(30);

    static final Duration TO_LOOK = Duration.ofSeconds(30);

    private static final Duration SHORTLY = Duration.ofMillis(50);

    List<String> databases() {
        return settings.partition().databases().orElse(List.of());
    }

    /** An operation that goes on at the agent's start is there before anything was seen. */
    void awaitFirstLook(Run run) throws StepFailed, InterruptedException {
        while (observations.history().latest().isEmpty()) {
            run.rest(SHORTLY);
        }
    }

    /** Why nothing may be done to the server now, by the newest observation; empty if it may. */
    Optional<String> notNow() {
        Optional<Instance> instance = observations
                .history()
                .latest()
                .filter(seen -> seen instanceof Answered)
                .map(seen -> ((Answered) seen).instance());
        if (instance.isEmpty()) {
            return Optional.of("the server does not answer");
        }
        if (instance.get().role() != Role.PRIMARY) {
            return Optional.of("the server is a replica");
        }
        return instance.get().facts().writePause().map(pause -> "writes are paused (generation %d)"
                .formatted(pause.generation()));
    }
}
