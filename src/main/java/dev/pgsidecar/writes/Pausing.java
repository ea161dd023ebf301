package dev.pgsidecar.writes;

import dev.pgsidecar.operation.Check;
import dev.pgsidecar.operation.Run;
import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.WritePauses.Done;
import dev.pgsidecar.postgres.WritePauses.Terminated;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.WalSender;
import dev.pgsidecar.postgres.catalog.WritePause;
import dev.pgsidecar.writes.Prover.Proved;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Pauses writes: records it and closes the databases in one transaction, ends all sessions, and proves that nobody writes.
 * Whatever keeps it from that undoes it; a crash leaves a lease, which ends by itself.
 */
final class Pausing extends PauseRunbook {

    static final String KIND = "pause";

    /** In the result: the pause's number. */
    private static final String GENERATION = "generation";

    /** In the result: where the fence ends. */
    private static final String FINAL_LSN = "finalLsn";

    /** Background workers that were ended; the server starts most of them again by itself. */
    private final Set<String> workers = new TreeSet<>();

    /** Whether sessions were ended that the connection limit does not keep from coming back. */
    private boolean endedExempt;

    private final PauseRequest request;

    Pausing(PauseRequest request, Tools tools) {
        super(tools, KIND);
        this.request = request;
    }

    @Override
    List<Check> judged() throws PostgresException, InterruptedException {
        return new PauseChecks(PauseFacts.of(line), request).judge();
    }

    @Override
    public void run(Run run) throws StepFailed, PostgresException, InterruptedException {
        try {
            run.step("record", () -> record(run));
            run.step("terminate", () -> terminate(run));
            run.step("prove", () -> prove(run));
            run.step("standbys", () -> standbys(run));
            run.step(
                    "be-seen",
                    () -> tools.beSeen(
                            run, pause -> pause.filter(WritePause::proved).isPresent()));
        } catch (StepFailed | PostgresException e) {
            undo(run);
            throw e;
        }
    }

    /** An agent that comes back goes on with a pause that is recorded; it never begins one that nobody waits for. */
    private String record(Run run) throws StepFailed, PostgresException, InterruptedException {
        Optional<WritePause> recorded = ours(run, line.facts());
        if (recorded.isPresent()) {
            run.found(GENERATION, recorded.get().generation());
            return "generation %d, recorded before".formatted(recorded.get().generation());
        }
        if (run.resumed()) {
            throw StepFailed.interrupted(
                    "the agent ended before anything was recorded, or the lease has run out since: writes are not paused",
                    "order pause again, if it is still meant");
        }
        Done done = pauses.pause(
                tools.settings().instanceName(),
                request.databases(),
                request.method(),
                request.ttl(),
                run.id(),
                run.by(),
                request.reason());
        if (!done.done()) {
            throw StepFailed.because(done.why(), "GET /v1/writes");
        }
        run.found(GENERATION, done.generation());
        return "generation %d, for %ds if nobody renews it"
                .formatted(done.generation(), request.ttl().toSeconds());
    }

    private String terminate(Run run) throws StepFailed, PostgresException, InterruptedException {
        Terminated there = terminateOnce(run);
        // Who was on the way in when the limit was set is in no view yet: wait until it is, or is gone.
        Set<Integer> starting = new HashSet<>(there.starting());
        long most = there.sessions();
        while (there.sessions() > 0 || !starting.isEmpty()) {
            run.rest(Tools.QUICKLY);
            there = terminateOnce(run);
            most = Math.max(most, there.sessions());
            starting.retainAll(there.starting());
        }
        run.found("sessionsEnded", most);
        return "%d sessions ended".formatted(most);
    }

    private Terminated terminateOnce(Run run) throws StepFailed, PostgresException, InterruptedException {
        Terminated terminated = pauses.terminateSessions(generation(run));
        terminated.first().stream()
                .map(session -> session.getString("type"))
                .filter(type -> !type.equals("client backend") && !type.equals("walsender"))
                .forEach(workers::add);
        run.found("workersEnded", new JsonArray(List.copyOf(workers)));
        endedExempt |= terminated.exempt() > 0;
        if (!terminated.active()) {
            throw StepFailed.because(
                    "the lease ran out, or writes were resumed, while %d sessions were still to end"
                            .formatted(terminated.sessions()),
                    "order it again with a longer ttl, or renew it meanwhile");
        }
        return terminated;
    }

    private String prove(Run run) throws StepFailed, PostgresException, InterruptedException {
        PauseFacts facts = PauseFacts.of(line);
        WritePause pause = active(run, facts.facts());
        Gaps gaps = Gaps.of(pause, facts);
        // After a restart the agent does not know whose sessions it has ended.
        boolean exempt = !pause.method().equals(PauseRequest.CLOSE) && (endedExempt || run.resumed());
        Proved proved =
                new Prover(line, pauses, pause, surroundings(run)).prove(ProofWindow.first(exempt), gaps.guarantee());
        run.found("guarantee", gaps.guarantee());
        run.found("couldStillWrite", new JsonArray(gaps.whoCould()));
        run.found(FINAL_LSN, proved.finalLsn().toString());
        run.found(FINAL_LSN + "Bytes", proved.finalLsn().bytes());
        run.found("proof", proved.json());
        run.found("undo", new JsonArray(pause.undo()));
        return "%s; nothing lies behind %s".formatted(gaps.guarantee(), proved.finalLsn());
    }

    private Prover.Surroundings surroundings(Run run) {
        return new Prover.Surroundings() {
            @Override
            public long nanoTime() {
                return System.nanoTime();
            }

            @Override
            public void rest(Duration howLong) throws StepFailed, InterruptedException {
                run.rest(howLong);
            }

            @Override
            public void endSessions() throws StepFailed, PostgresException, InterruptedException {
                terminateOnce(run);
            }
        };
    }

    private String standbys(Run run) throws StepFailed, PostgresException, InterruptedException {
        Lsn finalLsn = Lsn.parse(run.known(FINAL_LSN).orElseThrow().toString());
        while (true) {
            Facts facts = line.facts();
            active(run, facts);
            List<WalSender> senders = facts.senders();
            JsonArray positions = new JsonArray();
            senders.forEach(sender -> positions.add(position(sender, finalLsn)));
            run.found("standbys", positions);
            List<String> behind = request.standbys().stream()
                    .filter(name -> senders.stream()
                            .noneMatch(sender -> sender.application().equals(name) && has(sender, finalLsn)))
                    .toList();
            if (behind.isEmpty()) {
                return "%d of %d have replayed all"
                        .formatted(
                                senders.stream()
                                        .filter(sender -> has(sender, finalLsn))
                                        .count(),
                                senders.size());
            }
            run.rest(Tools.QUICKLY);
        }
    }

    private static JsonObject position(WalSender sender, Lsn finalLsn) {
        JsonObject json = new JsonObject()
                .put("application", sender.application())
                .put("hasAll", has(sender, finalLsn))
                .put("state", sender.state().orElse("unknown"));
        sender.replay()
                .ifPresent(replay -> json.put("replay", replay.toString()).put("replayBytes", replay.bytes()));
        return json;
    }

    static boolean has(WalSender sender, Lsn finalLsn) {
        return sender.replay().filter(replay -> replay.compareTo(finalLsn) >= 0).isPresent();
    }

    private long generation(Run run) {
        return ((Number) run.known(GENERATION).orElseThrow()).longValue();
    }

    private static WritePause active(Run run, Facts facts) throws StepFailed {
        return ours(run, facts)
                .orElseThrow(() -> StepFailed.because(
                        "the lease ran out, or writes were resumed meanwhile",
                        "order it again with a longer ttl, or renew it meanwhile"));
    }

    private static Optional<WritePause> ours(Run run, Facts facts) {
        return facts.writePause().filter(pause -> pause.operation().equals(run.id()));
    }

    /** What cannot be undone now is undone by the lease. */
    private void undo(Run run) throws InterruptedException {
        for (String name : List.of("guarantee", "couldStillWrite", "proof", "standbys", "undo")) {
            run.forget(name); // of a pause that is no more
        }
        try {
            Optional<WritePause> pause = ours(run, line.facts());
            if (pause.isPresent() && !pause.get().committed()) {
                pauses.resume(pause.get().generation(), "failed");
                run.found(
                        "undone",
                        "writes are resumed, all is as it was; sessions ended: "
                                + Tools.endSessions(pauses, pause.get().generation()));
                tools.eyes().lookNow();
            } else {
                run.found("undone", "writes are not paused by this any more");
            }
        } catch (PostgresException e) {
            run.found("undone", "not yet (%s): the lease ends it".formatted(e.failure()));
        }
    }
}
