package dev.pgsidecar.writes;

import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.operation.Run;
import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.WritePauses.Done;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.WritePause;
import io.vertx.core.json.JsonArray;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/** Resumes writes: puts back what the pause has changed, exactly, and ends the sessions that it left read-only. */
final class Resuming extends PauseRunbook {

    static final String KIND = "resume";

    private static final String GENERATION = "generation";

    private final ResumeRequest request;

    Resuming(ResumeRequest request, Tools tools) {
        super(tools, KIND);
        this.request = request;
    }

    @Override
    List<Check> judged() throws PostgresException, InterruptedException {
        return checks().judge();
    }

    private ResumeChecks checks() throws PostgresException, InterruptedException {
        Facts facts = line.facts();
        // Only a committed hand-over depends on what they say this very moment.
        Collection<Peer> peers =
                facts.writePause().filter(WritePause::committed).isPresent()
                        ? tools.eyes().peersNow()
                        : tools.observations().history().peers().values();
        return new ResumeChecks(
                facts, request, peers, Moment.now(), tools.settings().observe().staleAfter());
    }

    @Override
    public void run(Run run) throws StepFailed, PostgresException, InterruptedException {
        run.step("resume", () -> resume(run));
        Optional<Long> generation = run.known(GENERATION).map(number -> ((Number) number).longValue());
        if (generation.isPresent()) {
            run.step("end-sessions", () -> Tools.endSessions(pauses, generation.get()));
        }
        run.step("be-seen", () -> tools.beSeen(run, Optional::isEmpty));
    }

    /**
     * Judged once more: by now the peers see this operation, and a promote there would be seen here; and an agent that comes
     * back does not know what has happened since.
     */
    private String resume(Run run) throws StepFailed, PostgresException, InterruptedException {
        ResumeChecks now = checks();
        Optional<Check> failed = now.judge().stream()
                .map(check -> check.waivedBy(run.waivers()))
                .filter(Check::failed)
                .findFirst();
        if (failed.isPresent()) {
            throw StepFailed.because(failed.get());
        }
        Optional<WritePause> pause = now.facts().writePause();
        if (pause.isEmpty()) {
            run.found("changed", false);
            return "writes were not paused any more";
        }
        long generation = pause.get().generation();
        Done done = pauses.resume(generation, "resumed by " + run.by());
        run.found("changed", done.changed());
        run.found(GENERATION, generation);
        run.found("kept", new JsonArray(done.kept()));
        return done.kept().isEmpty()
                ? "generation %d; all is as it was".formatted(generation)
                : "generation %d; left alone, as somebody has changed it: %s"
                        .formatted(generation, String.join("; ", done.kept()));
    }
}
