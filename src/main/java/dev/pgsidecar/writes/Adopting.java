package dev.pgsidecar.writes;

import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.operation.Parameters;
import dev.pgsidecar.operation.Run;
import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.WritePauses.Done;
import dev.pgsidecar.postgres.catalog.WritePause;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Ends a pause that came here with replication, when somebody else has promoted this server: its databases came up closed.
 * Promote does the same as a step of its own.
 */
final class Adopting extends PauseRunbook {

    static final String KIND = "adopt";

    Adopting(JsonObject request, Tools tools) {
        super(tools, KIND);
        Parameters.of(request, Set.of());
    }

    @Override
    List<Check> judged() throws PostgresException, InterruptedException {
        return checks().judge();
    }

    private AdoptChecks checks() throws PostgresException, InterruptedException {
        return new AdoptChecks(
                line.facts(),
                tools.eyes().peersNow(),
                Moment.now(),
                tools.settings().observe().staleAfter());
    }

    @Override
    public void run(Run run) throws StepFailed, PostgresException, InterruptedException {
        run.step("resume", () -> resume(run));
        Optional<Long> generation = run.known("generation").map(number -> ((Number) number).longValue());
        if (generation.isPresent()) {
            run.step("end-sessions", () -> Tools.endSessions(pauses, generation.get()));
        }
        run.step("be-seen", () -> tools.beSeen(run, Optional::isEmpty));
    }

    private String resume(Run run) throws PostgresException, InterruptedException {
        AdoptChecks now = checks();
        Optional<WritePause> pause = now.facts().writePause();
        if (now.judge().stream().anyMatch(Check::failed) || pause.isEmpty()) {
            return "there is none any more";
        }
        Done done = pauses.resume(
                pause.get().generation(), "adopted by " + tools.settings().instanceName());
        run.found("generation", pause.get().generation());
        run.found("kept", new JsonArray(done.kept()));
        return "generation %d of %s"
                .formatted(pause.get().generation(), pause.get().node());
    }
}
