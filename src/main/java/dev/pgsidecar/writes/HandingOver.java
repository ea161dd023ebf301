package dev.pgsidecar.writes;

import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.operation.Run;
import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.WritePauses.Done;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.WalSender;
import dev.pgsidecar.postgres.catalog.WritePause;
import io.vertx.core.json.JsonArray;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/**
 * Commits the hand-over of paused writes to a standby, before that one is promoted. From then on nothing resumes here by
 * itself, whatever crashes: a stuck database is better than two writers.
 */
final class HandingOver extends PauseRunbook {

    static final String KIND = "commit";

    /** In the result: up to where the target has to replay to know of it. */
    private static final String RECORDED = "recordedLsn";

    /** It had everything before the commit; no order can be taken meanwhile, a resume among them. */
    private static final Duration TO_ARRIVE = Duration.ofSeconds(10);

    private final CommitRequest request;

    HandingOver(CommitRequest request, Tools tools) {
        super(tools, KIND);
        this.request = request;
    }

    /** This server goes on writing WAL (checkpoints); who receives that is past the point where the target goes its own way. */
    private String lookAround(Run run) throws PostgresException, InterruptedException {
        Facts facts = line.facts();
        Optional<WalSender> target = CommitChecks.sender(
                facts, tools.observations().history().peers().values(), target());
        List<String> others = facts.senders().stream()
                .filter(sender ->
                        sender.flush().isPresent() && !Optional.of(sender).equals(target))
                .map(WalSender::application)
                .toList();
        if (others.isEmpty()) {
            return "nobody else streams from here";
        }
        String warning =
                "%s streams from here, not from %s: it will have WAL that %s has not, and need pg_rewind to follow it"
                        .formatted(String.join(", ", others), target(), target());
        run.found("warnings", new JsonArray().add(warning));
        return warning;
    }

    @Override
    List<Check> judged() throws PostgresException, InterruptedException {
        Collection<Peer> peers = tools.eyes().peersNow();
        Facts facts = line.facts();
        return new CommitChecks(
                        facts,
                        request,
                        breach(facts.writePause()),
                        peers,
                        Moment.now(),
                        tools.settings().observe().staleAfter())
                .judge();
    }

    @Override
    public void run(Run run) throws StepFailed, PostgresException, InterruptedException {
        run.step("commit", () -> commit(run));
        run.step("arrive", () -> arrive(run));
        run.step("look-around", () -> lookAround(run));
        run.step(
                "be-seen",
                () -> tools.beSeen(
                        run, pause -> pause.filter(WritePause::committed).isPresent()));
    }

    /** What the holder has not noticed yet. */
    private Optional<String> breach(Optional<WritePause> pause) throws PostgresException, InterruptedException {
        if (pause.isEmpty()) {
            return Optional.empty();
        }
        Sample now = Sample.take(line, pause.get().generation());
        return now.proved()
                .flatMap(then -> Proof.breach(
                        then, now, now.sessions() > 0, pause.get().method().equals(PauseRequest.CLOSE)));
    }

    private long generation() {
        return request.generation().orElseThrow();
    }

    private String target() {
        return request.target().orElseThrow();
    }

    /** An agent that comes back tells what is true; it commits nothing that nobody waits for any more. */
    private String commit(Run run) throws StepFailed, PostgresException, InterruptedException {
        run.found("generation", generation());
        run.found("target", target());
        if (run.resumed() && pauses.active().filter(WritePause::committed).isEmpty()) {
            throw StepFailed.interrupted(
                    "the agent ended before it was committed",
                    "GET /v1/writes; order commit again, if it is still meant");
        }
        run.pointOfNoReturn();
        Done done = pauses.commit(generation(), target());
        if (!done.done()) {
            throw StepFailed.because(done.why(), "GET /v1/writes");
        }
        Lsn recorded = pauses.fence(generation());
        run.found(RECORDED, recorded.toString());
        return "generation %d to %s: nothing resumes here by itself any more".formatted(generation(), target());
    }

    private String arrive(Run run) throws StepFailed, PostgresException, InterruptedException {
        Lsn recorded = Lsn.parse(run.known(RECORDED).orElseThrow().toString());
        Moment began = Moment.now();
        while (CommitChecks.sender(
                        line.facts(), tools.observations().history().peers().values(), target())
                .filter(sender -> Pausing.has(sender, recorded))
                .isEmpty()) {
            if (began.ageAt(Moment.now()).compareTo(TO_ARRIVE) > 0) {
                throw StepFailed.because(
                        "it is committed, and %s has not replayed that (%s)".formatted(target(), recorded),
                        "promote %s once it has; or POST /v1/writes/resume here takes it back".formatted(target()));
            }
            run.rest(Tools.QUICKLY);
        }
        return "%s knows; next: POST /v1/promote {\"generation\": %d} at its agent".formatted(target(), generation());
    }
}
