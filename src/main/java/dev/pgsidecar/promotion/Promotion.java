package dev.pgsidecar.promotion;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.observe.Eyes;
import dev.pgsidecar.observe.Lag;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Observation;
import dev.pgsidecar.observe.Observations;
import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.operation.Run;
import dev.pgsidecar.operation.Runbook;
import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.postgres.Failure;
import dev.pgsidecar.postgres.Line;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.WritePauses;
import dev.pgsidecar.postgres.catalog.WritePause;
import io.vertx.core.Vertx;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Makes this standby the primary. Each step looks before it acts, as a crash may have come between what it did and its
 * note of it.
 */
final class Promotion implements Runbook {

    static final String KIND = "promote";

    /** In the result: when the server was started, from just before pg_promote on. */
    private static final String STARTED = "startedAt";

    /** In the result: the slots that were made for the others. */
    private static final String SLOTS = "slotsMade";

    private static final Duration TO_ANSWER = Duration.ofSeconds(10);

    /** A spread-out checkpoint this is not, but a big cache takes its time. */
    private static final Duration TO_CHECKPOINT = Duration.ofHours(1);

    /** How long checks wait for peers to notice what this server noticed. */
    private static final Duration TO_SETTLE = Duration.ofSeconds(3);

    /** An order that had not acted by then is nobody's wish any more when an agent comes back to it. */
    private static final Duration TO_BE_MEANT = Duration.ofMinutes(10);

    /** How often what follows a promote is tried before it becomes a warning. */
    private static final int TRIES = 5;

    private static final Duration QUICKLY = Duration.ofMillis(20);
    private static final Duration SLOWLY = Duration.ofMillis(250);

    private static final String STATE = """
            SELECT json_build_object('recovering', pg_is_in_recovery(), 'started', pg_postmaster_start_time()::text,
              'timeline', CASE WHEN NOT pg_is_in_recovery()
                THEN ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int END)""";

    private final PromoteRequest request;
    private final Settings settings;
    private final Observations observations;
    private final Eyes eyes;
    private final Line line;
    private final Line patientLine;
    private final WritePauses pauses;

    /** What the order was judged by, where this agent took it. */
    private Optional<PromoteChecks> judged = Optional.empty();

    Promotion(PromoteRequest request, Settings settings, Vertx vertx, Observations observations, Eyes eyes) {
        this.request = request;
        this.settings = settings;
        this.observations = observations;
        this.eyes = eyes;
        this.line = new Line(vertx, settings, KIND, TO_ANSWER);
        this.pauses = new WritePauses(line);
        this.patientLine = new Line(vertx, settings, KIND, TO_CHECKPOINT);
    }

    @Override
    public List<Check> check(Set<String> waivers) throws PostgresException, InterruptedException {
        long end = System.nanoTime() + TO_SETTLE.toNanos();
        while (true) {
            List<Check> checks;
            try {
                judged = Optional.of(checks(eyes.peersNow()));
                checks = judged.get().judge();
            } catch (PostgresException e) {
                return List.of(Check.wrongInstance(PromoteChecks.IDENTITY, e));
            }
            Set<String> failed = checks.stream()
                    .filter(check -> check.failed() && !waivers.contains(check.name()))
                    .map(Check::name)
                    .collect(Collectors.toSet());
            if (failed.isEmpty()
                    || !PromoteChecks.MAY_SETTLE.containsAll(failed)
                    || System.nanoTime() - end > 0
                    || !mayPassLater()) {
                return checks;
            }
            Thread.sleep(QUICKLY.multipliedBy(5));
        }
    }

    /** An order that does not say what became of the primary is refused at once. */
    private boolean mayPassLater() {
        return request.deadPrimary().isPresent()
                || request.checkpoint().isPresent()
                || request.generation().isPresent();
    }

    @Override
    public void run(Run run) throws StepFailed, PostgresException, InterruptedException {
        if (run.irrevocable()) {
            run.step("promote", () -> "the agent ended just before or after pg_promote");
        } else if (!prepared(run)) {
            return;
        }
        run.step("leave-recovery", () -> watch(run));
        afterwards(run, "resume-writes", () -> resumeWrites(run));
        afterwards(run, "checkpoint", this::checkpoint);
        afterwards(run, "control-file", () -> controlFile(run));
        afterwards(run, "write", this::write);
        afterwards(run, "look-around", () -> lookAround(run));
        run.step("be-seen", () -> awaitObservation(run));
    }

    /** All up to pg_promote; whatever ends it leaves nothing behind. */
    private boolean prepared(Run run) throws StepFailed, PostgresException, InterruptedException {
        try {
            if (run.resumed() && run.ordered().plus(TO_BE_MEANT).isBefore(Instant.now())) {
                throw StepFailed.interrupted(
                        "the agent ended before it had acted, and the order is of %s".formatted(run.ordered()),
                        "order promote again, if it is still meant");
            }
            JsonObject before = state(run);
            if (!before.getBoolean("recovering")) {
                run.found("changed", false);
                run.found("timeline", before.getInteger("timeline"));
                return false;
            }
            if (run.known(SLOTS).isEmpty()) { // journalled with the step that makes them, before it does
                PromoteChecks seen = judged.isPresent() ? judged.get() : checks(eyes.peersNow());
                run.found(SLOTS, new JsonArray(List.copyOf(new TreeSet<>(seen.slotsToMake()))));
            }
            run.step("make-slots", () -> makeSlots(run));
            run.step("promote", () -> promote(run));
            return true;
        } catch (StepFailed | PostgresException e) {
            if (!run.irrevocable()) {
                dropSlots(run);
            }
            throw e;
        }
    }

    /** On a standby a slot can be made; it keeps WAL from its restart point on, so the others miss nothing. */
    private String makeSlots(Run run) throws PostgresException, InterruptedException {
        List<String> notes = new ArrayList<>();
        for (Object slot : (JsonArray) run.known(SLOTS).orElseThrow()) {
            notes.add(makeSlot(slot.toString()));
        }
        return notes.isEmpty() ? "none is missing" : String.join("; ", notes);
    }

    /** A standby that has to be copied anew is no reason to be without a primary. */
    private String makeSlot(String slot) throws PostgresException, InterruptedException {
        try {
            line.json("SELECT json_build_object('made', pgsidecar.create_physical_slot($1::text::name))", slot);
            return slot;
        } catch (PostgresException e) {
            if (e.failure().kind() != Failure.Kind.QUERY_FAILED) {
                throw e;
            }
            return "%s could not be made: %s".formatted(slot, e.failure().cause());
        }
    }

    /** What a promote that does not happen has made would keep WAL for ever. */
    private void dropSlots(Run run) throws InterruptedException {
        JsonArray slots = (JsonArray) run.known(SLOTS).orElse(new JsonArray());
        if (slots.isEmpty()) {
            return;
        }
        try {
            for (Object slot : slots) {
                line.json(
                        "SELECT json_build_object('dropped', pgsidecar.drop_physical_slot($1::text::name))",
                        slot.toString());
            }
        } catch (PostgresException e) {
            run.found(
                    "warnings",
                    new JsonArray()
                            .add("slots that were made, and could not be dropped: %s (%s)"
                                    .formatted(slots.encode(), e.failure())));
        }
    }

    /**
     * Everything is judged once more: a crash, or another order at another standby, may lie between the order and now. By
     * now the others can see this operation, and it can see theirs, so that of two at least one ends here.
     */
    private String promote(Run run) throws StepFailed, PostgresException, InterruptedException {
        judgeAgain(run, Set.of());
        run.found(STARTED, line.json(STATE).getString("started"));
        run.pointOfNoReturn();
        return signal();
    }

    /** A peer that misses one question is asked again, for a while: with writes held back a failed promote is an outage. */
    private void judgeAgain(Run run, Set<String> passed) throws StepFailed, PostgresException, InterruptedException {
        long end = System.nanoTime() + TO_SETTLE.toNanos();
        Optional<Check> failed = judgeOnce(run, passed);
        while (failed.isPresent()) {
            if (!PromoteChecks.MAY_SETTLE.contains(failed.get().name()) || System.nanoTime() - end > 0) {
                throw StepFailed.because(failed.get());
            }
            run.rest(QUICKLY.multipliedBy(5));
            failed = judgeOnce(run, passed);
        }
    }

    private Optional<Check> judgeOnce(Run run, Set<String> passed) throws PostgresException, InterruptedException {
        PromoteChecks checks = checks(eyes.peersNow());
        if (checks.facts().isPrimary()) {
            return Optional.empty();
        }
        run.found("fromTimeline", checks.facts().facts().server().timeline());
        return checks.judge().stream()
                .map(check -> check.waivedBy(run.waivers()))
                .filter(check -> check.failed() && !passed.contains(check.name()))
                .findFirst();
    }

    /** An answer that does not come says nothing: the next step watches what happens. */
    private String signal() throws InterruptedException {
        try {
            line.json("SELECT json_build_object('ordered', pg_promote(false))");
            return "pg_promote";
        } catch (PostgresException e) {
            return "pg_promote: " + e.failure();
        }
    }

    /**
     * A promote that takes long has not failed: it replays all that was received first. Only a restart of the server
     * forgets it. An agent that comes back cannot know whether it had called pg_promote: it judges again, and calls it again.
     */
    private String watch(Run run) throws StepFailed, InterruptedException, PostgresException {
        boolean ordered = !run.resumed();
        long began = System.nanoTime();
        while (true) {
            JsonObject state = state(run);
            if (!state.getBoolean("recovering")) {
                run.found("changed", true);
                run.found("timeline", state.getInteger("timeline"));
                return "out of recovery, timeline " + state.getInteger("timeline");
            }
            if (!state.getString("started").equals(run.known(STARTED).orElse(""))) {
                dropSlots(run);
                throw StepFailed.interrupted(
                        "the server was restarted before it had promoted, and has forgotten it", "order promote again");
            }
            if (!ordered) {
                goOn(run);
                ordered = true;
            }
            Duration waited = Duration.ofNanos(System.nanoTime() - began);
            run.rest(waited.compareTo(Duration.ofSeconds(5)) < 0 ? QUICKLY : SLOWLY);
        }
    }

    private void goOn(Run run) throws StepFailed, PostgresException, InterruptedException {
        try {
            // It may be replaying just because pg_promote was called.
            judgeAgain(run, Set.of(PromoteChecks.REPLAYED));
        } catch (StepFailed e) {
            throw StepFailed.interrupted(
                    "the agent ended just before or after pg_promote, and now " + e.getMessage(),
                    "if pg_promote was called the server will leave recovery by itself: stop it if that must not be");
        }
        signal();
    }

    /** The server is a primary: what fails now is told, and changes nothing about that. */
    private static void afterwards(Run run, String name, Run.Action act)
            throws StepFailed, PostgresException, InterruptedException {
        run.step(name, () -> {
            for (int attempt = 1; ; attempt++) {
                try {
                    return act.act();
                } catch (StepFailed | PostgresException e) {
                    if (attempt == TRIES) {
                        JsonArray warnings = ((JsonArray) run.known("warnings").orElse(new JsonArray())).copy();
                        run.found("warnings", warnings.add("%s: %s".formatted(name, e.getMessage())));
                        return "not done: " + e.getMessage();
                    }
                    Thread.sleep(1000);
                }
            }
        });
    }

    /** A pause of the old primary has come with replication: the databases are closed here as well. */
    private String resumeWrites(Run run) throws StepFailed, PostgresException, InterruptedException {
        Optional<WritePause> pause = pauses.active();
        if (pause.isEmpty()) {
            return "not paused";
        }
        WritePauses.Done done = pauses.resume(pause.get().generation(), "promoted " + settings.instanceName());
        if (!done.done()) {
            throw StepFailed.because(done.why(), "POST /v1/writes/resume");
        }
        pauses.terminateSessions(pause.get().generation());
        run.found("resumedGeneration", pause.get().generation());
        return "generation %d of %s%s"
                .formatted(
                        pause.get().generation(),
                        pause.get().node(),
                        done.kept().isEmpty() ? "" : "; left alone: " + String.join("; ", done.kept()));
    }

    /** pg_control stays on the old timeline until the first checkpoint; a pg_rewind of the others would go wrong. */
    private String checkpoint() throws PostgresException, InterruptedException {
        patientLine.run("CHECKPOINT");
        return "done";
    }

    private String controlFile(Run run) throws StepFailed, PostgresException, InterruptedException {
        int told = line.json("SELECT json_build_object('timeline', timeline_id) FROM pg_control_checkpoint()")
                .getInteger("timeline");
        int writes = line.json(STATE).getInteger("timeline");
        int from = (Integer) run.known("fromTimeline").orElse(0);
        if (told != writes || writes <= from) {
            throw StepFailed.because(
                    "pg_control says timeline %d, the WAL's name %d, before the promote it was %d"
                            .formatted(told, writes, from),
                    "SELECT timeline_id FROM pg_control_checkpoint(); SELECT pg_walfile_name(pg_current_wal_lsn())");
        }
        return "timeline %d, it was %d".formatted(told, from);
    }

    private String write() throws PostgresException, InterruptedException {
        return "committed at "
                + line.json("SELECT json_build_object('at', pg_logical_emit_message(true, 'pgsidecar', 'promoted'))")
                        .getString("at");
    }

    /** What a DBA has to know now. */
    private String lookAround(Run run) throws PostgresException, InterruptedException {
        PromoteChecks checks = checks(observations.history().peers().values());
        JsonArray warnings = ((JsonArray) run.known("warnings").orElse(new JsonArray())).copy();
        String names = checks.facts().facts().server().synchronousStandbyNames();
        boolean somebody = checks.facts().facts().senders().stream().anyMatch(sender -> sender.syncState()
                .filter(state -> state.equals("sync") || state.equals("quorum"))
                .isPresent());
        if (!names.isBlank() && !somebody) {
            warnings.add("every commit waits: synchronous_standby_names is '%s' and no such standby streams yet; if it"
                            .formatted(names)
                    + " stays away: ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf()");
        }
        Set<String> here = checks.facts().facts().slots().stream()
                .filter(slot -> slot.type().equals("logical"))
                .map(slot -> slot.name())
                .collect(Collectors.toSet());
        Set<String> lost = observations.history().peers().values().stream()
                .filter(peer -> request.deadPrimary().equals(Optional.of(peer.name())))
                .flatMap(peer -> peer.before().stream())
                .flatMap(before -> before.logicalSlots().stream())
                .filter(slot -> !here.contains(slot))
                .collect(Collectors.toCollection(TreeSet::new));
        if (!lost.isEmpty()) {
            warnings.add("logical slots of the old primary that are not here: %s; their subscribers need a new copy"
                    .formatted(String.join(", ", lost)));
        }
        run.found("lostLogicalSlots", new JsonArray(List.copyOf(lost)));
        run.found("warnings", warnings);
        return warnings.isEmpty()
                ? "nothing to be told"
                : String.join("; ", warnings.stream().map(Object::toString).toList());
    }

    /**
     * Afterwards probes and peers see a primary whose writes are not paused; before, a running operation.
     */
    private String awaitObservation(Run run) throws StepFailed, InterruptedException {
        Optional<Long> resumed = run.known("resumedGeneration").map(generation -> ((Number) generation).longValue());
        while (observations
                .history()
                .latest()
                .filter(seen -> seen instanceof Observation.Answered answered
                        && answered.instance().role() == Role.PRIMARY
                        && answered.instance()
                                .facts()
                                .writePause()
                                .filter(pause -> resumed.equals(Optional.of(pause.generation())))
                                .isEmpty())
                .isEmpty()) {
            run.rest(QUICKLY);
        }
        return "observed as a primary";
    }

    private PromoteChecks checks(Collection<Peer> peers) throws PostgresException, InterruptedException {
        PromoteFacts facts = PromoteFacts.of(line);
        Moment now = Moment.now();
        return new PromoteChecks(
                facts,
                request,
                peers,
                settings.instanceName(),
                silence(now),
                now,
                settings.observe().staleAfter());
    }

    /** How long the upstream has said nothing, as the observer has it. */
    private Optional<Duration> silence(Moment now) {
        return observations.history().lastAnswered().flatMap(seen -> Lag.silence(seen.instance())
                .map(then -> then.plus(seen.at().ageAt(now))));
    }

    /** The server's state; on a resumed run and after pg_promote, as soon as it can be had. */
    private JsonObject state(Run run) throws StepFailed, PostgresException, InterruptedException {
        while (true) {
            try {
                return line.json(STATE);
            } catch (PostgresException e) {
                boolean patient = run.resumed() || run.irrevocable();
                if (!patient || e.failure().kind() == Failure.Kind.WRONG_INSTANCE) {
                    throw e;
                }
                run.rest(SLOWLY);
            }
        }
    }

    @Override
    public void close() {
        line.close();
        patientLine.close();
    }
}
