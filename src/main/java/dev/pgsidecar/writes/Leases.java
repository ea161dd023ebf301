package dev.pgsidecar.writes;

import dev.pgsidecar.operation.Parameters;
import dev.pgsidecar.operation.Refusal;
import dev.pgsidecar.postgres.Line;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.WritePauses;
import dev.pgsidecar.postgres.WritePauses.Done;
import dev.pgsidecar.postgres.catalog.WritePause;
import io.vertx.core.json.JsonObject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/** Renews leases. That is no operation: it has to be possible while one runs, and it is done when it answers. */
@Singleton
public class Leases {

    private final Tools tools;

    Leases(Tools tools) {
        this.tools = tools;
    }

    /**
     * Renews the lease of a pause.
     *
     * @return the record, as it is now
     * @throws Refusal if it makes no sense, or there is no such pause whose lease could be renewed
     * @throws PostgresException if the server cannot be asked
     */
    public WritePause renew(JsonObject request) throws Refusal, PostgresException, InterruptedException {
        long generation;
        Duration ttl;
        try {
            Parameters parameters = Parameters.of(request, Set.of("generation", "ttl"));
            generation = parameters
                    .number("generation")
                    .orElseThrow(() -> new IllegalArgumentException("generation: which pause? GET /v1/writes"));
            ttl = PauseRequest.ttl(parameters);
        } catch (IllegalArgumentException e) {
            throw Refusal.of(e);
        }
        Line line = tools.line("renew-lease");
        try {
            WritePauses pauses = new WritePauses(line);
            if (!line.facts().pausable()) {
                throw new Refusal(Refusal.Kind.CONFLICT, "writes cannot be paused here: install.sql was not run");
            }
            Done done = pauses.renew(generation, ttl);
            Optional<WritePause> now = pauses.active();
            tools.eyes().lookNow();
            return now.filter(pause -> done.done() && pause.generation() == generation)
                    .orElseThrow(() -> new Refusal(
                            Refusal.Kind.CONFLICT, "generation %d: %s".formatted(generation, why(now, generation))));
        } finally {
            tools.giveBack(line);
        }
    }

    private static String why(Optional<WritePause> now, long generation) {
        if (now.isEmpty()) {
            return "it has ended, writes are not paused";
        }
        return now.get().generation() == generation
                ? "handed over to %s, there is no lease any more"
                        .formatted(now.get().committedTo().orElse("somebody"))
                : "by now it is generation " + now.get().generation();
    }
}
