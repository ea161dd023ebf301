package dev.pgsidecar.promotion;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.observe.Eyes;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Observation;
import dev.pgsidecar.observe.Observations;
import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.operation.Command;
import dev.pgsidecar.operation.Run;
import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.postgres.Failure;
import dev.pgsidecar.postgres.Identity;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.ServerVersion;
import dev.pgsidecar.postgres.Session;
import dev.pgsidecar.postgres.Target;
import dev.pgsidecar.postgres.catalog.Facts;
import io.vertx.core.Vertx;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import jakarta.inject.Singleton;
import java.time.Duration;
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
@Singleton
public class Promotion implements Command {

    static final String KIND = "promote";

    private static final Duration TO_ANSWER = Duration.ofSeconds(10);

    /** A spread-out checkpoint this is not, but a big cache takes its time. */
    private static final Duration TO_CHECKPOINT = Duration.ofHours(1);

    /** How long checks wait for peers to notice what this server noticed. */
    private static final Duration TO_SETTLE = Duration.ofSeconds(3);

    /** Whether an earlier agent's pg_promote was heard shows within so long. */
    private static final Duration TO_SHOW = Duration.ofSeconds(10);

    private static final Duration QUICKLY = Duration.ofMillis(20);
    private static final Duration SLOWLY = Duration.ofMillis(250);

    private static final String STATE = """
            SELECT json_build_object('recovering', pg_is_in_recovery(), 'started', pg_postmaster_start_time()::text,
              'timeline', CASE WHEN NOT pg_is_in_recovery()
                THEN ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int END)""";

    private final Settings settings;
    private final Observations observations;
    private final Eyes eyes;
    private final Target target;
    private final Identity identity;

    Promotion(Settings settings, Vertx vertx, Observations observations, Eyes eyes) {
        this.settings = settings;
        this.observations = observations;
        this.eyes = eyes;
        this.target = new Target(vertx, settings);
        this.identity = new Identity(settings);
    }

    @Override
    public String kind() {
        return KIND;
    }

    @Override
    public List<String> checkNames() {
        return PromoteChecks.NAMES;
    }

    @Override
    public void validate(JsonObject request) {
        PromoteRequest.of(request);
    }

    @Override
    public List<Check> check(JsonObject request, Set<String> waivers) throws PostgresException, InterruptedException {
        long end = System.nanoTime() + TO_SETTLE.toNanos();
        while (true) {
            List<Check> checks;
            try {
                checks = checks(PromoteRequest.of(request), eyes.peersNow()).judge();
            } catch (PostgresException e) {
                if (e.failure().kind() != Failure.Kind.WRONG_INSTANCE) {
                    throw e;
                }
                return List.of(Check.failed(
                        PromoteChecks.IDENTITY, e.failure().cause(), "the right cluster", "see the agent's log"));
            }
            Set<String> failed = checks.stream()
                    .filter(check -> check.failed() && !waivers.contains(check.name()))
                    .map(Check::name)
                    .collect(Collectors.toSet());
            if (failed.isEmpty()
                    || !PromoteChecks.MAY_SETTLE.containsAll(failed)
                    || System.nanoTime() - end > 0
                    || !mayPassLater(request)) {
                return checks;
            }
            Thread.sleep(QUICKLY.multipliedBy(5));
        }
    }

    /** An order that does not say what became of the primary is refused at once. */
    private static boolean mayPassLater(JsonObject request) {
        PromoteRequest order = PromoteRequest.of(request);
        return order.deadPrimary().isPresent() || order.checkpoint().isPresent();
    }

    @Override
    public void run(Run run) throws StepFailed, PostgresException, InterruptedException {
        JsonObject before = state(run);
        if (!run.resumed() && !before.getBoolean("recovering")) {
            run.found("changed", false);
            run.found("timeline", before.getInteger("timeline"));
            return;
        }
        run.step("make-slots", () -> makeSlots(run));
        run.step("ask-peers", () -> askPeers(run));
        run.pointOfNoReturn();
        run.step("promote", () -> promote(run));
        run.step("leave-recovery", () -> watch(run));
        run.step("checkpoint", this::checkpoint);
        run.step("control-file", () -> controlFile(run));
        run.step("write", this::write);
        run.step("look-around", () -> lookAround(run));
        run.step("be-seen", this::awaitObservation);
        run.found("changed", true);
    }

    /** On a standby a slot can be made; it keeps WAL from its restart point on, so the others miss nothing. */
    private String makeSlots(Run run) throws PostgresException, InterruptedException {
        Set<String> slots =
                new TreeSet<>(checks(PromoteRequest.of(run.request())).slotsToMake());
        List<String> notes = new ArrayList<>();
        try (Session session = open()) {
            for (String slot : slots) {
                notes.add(makeSlot(session, slot));
            }
        }
        return notes.isEmpty() ? "none is missing" : String.join("; ", notes);
    }

    /** A standby that has to be copied anew is no reason to be without a primary. */
    private static String makeSlot(Session session, String slot) throws PostgresException, InterruptedException {
        try {
            session.json(
                    "SELECT json_build_object('made', pgsidecar.create_physical_slot('%s'))".formatted(quoted(slot)));
            return slot;
        } catch (PostgresException e) {
            if (e.failure().kind() != Failure.Kind.QUERY_FAILED) {
                throw e;
            }
            return "%s could not be made: %s".formatted(slot, e.failure().cause());
        }
    }

    /**
     * Two orders may have passed their checks at two standbys at the same time. By now each can see the other one's
     * operation: at least one of them does, and leaves it.
     */
    private String askPeers(Run run) throws StepFailed, PostgresException, InterruptedException {
        Optional<String> rival =
                checks(PromoteRequest.of(run.request()), eyes.peersNow()).rival();
        if (rival.isPresent()) {
            throw StepFailed.because(rival.get(), "make sure that one standby only is ordered, then order it again");
        }
        return "nobody else is a primary, or about to be one";
    }

    private String promote(Run run) throws StepFailed, PostgresException, InterruptedException {
        if (run.known("startedAt").isPresent()) {
            return "ordered before the agent ended, or not: the next step sees";
        }
        try (Session session = open()) {
            JsonObject state = session.json(STATE);
            run.found("startedAt", state.getString("started"));
            run.found(
                    "fromTimeline",
                    checks(PromoteRequest.of(run.request()))
                            .facts()
                            .facts()
                            .server()
                            .timeline());
            run.keep();
            session.json("SELECT json_build_object('ordered', pg_promote(false))");
        }
        return "pg_promote";
    }

    /**
     * A promote that takes long has not failed: it replays all that was received first. Only a restart of the server
     * forgets it.
     */
    private String watch(Run run) throws StepFailed, InterruptedException, PostgresException {
        long began = System.nanoTime();
        while (true) {
            JsonObject state = state(run);
            Duration waited = Duration.ofNanos(System.nanoTime() - began);
            if (!state.getBoolean("recovering")) {
                run.found("timeline", state.getInteger("timeline"));
                return "out of recovery, timeline " + state.getInteger("timeline");
            }
            if (!state.getString("started").equals(run.known("startedAt").orElse(""))) {
                throw StepFailed.interrupted(
                        "the server was restarted before it had promoted, and has forgotten it", "order promote again");
            }
            if (run.resumed() && waited.compareTo(TO_SHOW) > 0) {
                throw StepFailed.interrupted(
                        "the agent ended just before or after pg_promote, and the server still recovers",
                        "order promote again");
            }
            Thread.sleep(waited.compareTo(Duration.ofSeconds(5)) < 0 ? QUICKLY : SLOWLY);
        }
    }

    /** pg_control stays on the old timeline until the first checkpoint; a pg_rewind of the others would go wrong. */
    private String checkpoint() throws PostgresException, InterruptedException {
        try (Session session = target.openToWrite("promote", TO_CHECKPOINT)) {
            check(session);
            session.run("CHECKPOINT");
        }
        return "done";
    }

    private String controlFile(Run run) throws StepFailed, PostgresException, InterruptedException {
        try (Session session = open()) {
            int told = session.json("SELECT json_build_object('timeline', timeline_id) FROM pg_control_checkpoint()")
                    .getInteger("timeline");
            int writes = session.json(STATE).getInteger("timeline");
            int from = (Integer) run.known("fromTimeline").orElse(0);
            if (told != writes || writes <= from) {
                throw StepFailed.because(
                        "pg_control says timeline %d, the WAL's name %d, before the promote it was %d"
                                .formatted(told, writes, from),
                        "SELECT timeline_id FROM pg_control_checkpoint(); SELECT pg_walfile_name(pg_current_wal_lsn())");
            }
            return "timeline %d, it was %d".formatted(told, from);
        }
    }

    private String write() throws PostgresException, InterruptedException {
        try (Session session = open()) {
            return "committed at "
                    + session.json("SELECT json_build_object('at',"
                                    + " pg_logical_emit_message(true, 'pgsidecar', 'promoted'))")
                            .getString("at");
        }
    }

    /** What a DBA has to know now. */
    private String lookAround(Run run) throws PostgresException, InterruptedException {
        PromoteChecks checks = checks(PromoteRequest.of(run.request()));
        JsonArray warnings = new JsonArray();
        try (Session session = open()) {
            String names = session.json(
                            "SELECT json_build_object('names', current_setting('synchronous_standby_names'))")
                    .getString("names");
            boolean somebody = checks.facts().facts().senders().stream().anyMatch(sender -> sender.syncState()
                    .filter(state -> state.equals("sync") || state.equals("quorum"))
                    .isPresent());
            if (!names.isBlank() && !somebody) {
                warnings.add(
                        "every commit waits: synchronous_standby_names is '%s' and no such standby streams yet; if it"
                                        .formatted(names)
                                + " stays away: ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf()");
            }
        }
        Set<String> here = checks.facts().facts().slots().stream()
                .filter(slot -> slot.type().equals("logical"))
                .map(slot -> slot.name())
                .collect(Collectors.toSet());
        Set<String> lost = observations.history().peers().values().stream()
                .filter(peer -> PromoteRequest.of(run.request()).deadPrimary().equals(Optional.of(peer.name())))
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

    /** From here on probes, and peers that ask, are told of a primary; until then, of an operation. */
    private String awaitObservation() throws InterruptedException {
        while (observations
                .history()
                .latest()
                .filter(seen -> seen instanceof Observation.Answered answered
                        && answered.instance().role() == Role.PRIMARY)
                .isEmpty()) {
            Thread.sleep(QUICKLY);
        }
        return "observed as a primary";
    }

    private PromoteChecks checks(PromoteRequest request) throws PostgresException, InterruptedException {
        return checks(request, observations.history().peers().values());
    }

    private PromoteChecks checks(PromoteRequest request, Collection<Peer> peers)
            throws PostgresException, InterruptedException {
        try (Session session = target.openReadOnly("promote", TO_ANSWER)) {
            ServerVersion version = check(session);
            return new PromoteChecks(
                    PromoteFacts.of(session, Facts.sql(version)),
                    request,
                    peers,
                    settings.instanceName(),
                    Moment.now(),
                    settings.observe().staleAfter());
        }
    }

    /** The server's state; on a resumed run and after pg_promote, as soon as it can be had. */
    private JsonObject state(Run run) throws PostgresException, InterruptedException {
        while (true) {
            try (Session session = open()) {
                return session.json(STATE);
            } catch (PostgresException e) {
                boolean patient = run.resumed() || run.known("startedAt").isPresent();
                if (!patient || e.failure().kind() == Failure.Kind.WRONG_INSTANCE) {
                    throw e;
                }
                Thread.sleep(SLOWLY);
            }
        }
    }

    private Session open() throws PostgresException, InterruptedException {
        Session session = target.openToWrite("promote", TO_ANSWER);
        try {
            check(session);
            return session;
        } catch (PostgresException | InterruptedException | RuntimeException e) {
            session.close();
            throw e;
        }
    }

    /** That it is the right server, each time. */
    private ServerVersion check(Session session) throws PostgresException, InterruptedException {
        JsonObject answer = session.json(Facts.IDENTITY);
        identity.check(answer.getString("system_identifier"));
        return new ServerVersion(answer.getInteger("version"));
    }

    private static String quoted(String literal) {
        return literal.replace("'", "''");
    }
}
