package dev.pgsidecar.operation;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.config.Trouble;
import dev.pgsidecar.operation.Operation.State;
import dev.pgsidecar.postgres.PostgresException;
import io.quarkus.arc.All;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.vertx.core.json.JsonObject;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jboss.logging.Logger;

/**
 * Carries commands out, each on a virtual thread of its own, with a journal that is always ahead of what was done. Exclusive
 * ones run one at a time; background ones one of a kind, and wait at their next step or rest while an exclusive one runs. An
 * agent that starts goes on with what an earlier one was in the middle of.
 */
@Singleton
public class Engine {

    private static final Logger LOG = Logger.getLogger(Engine.class);

    private static final int KEPT = 200;

    /** What the agent does by itself must not push out what somebody ordered; of each kind so many. */
    private static final int KEPT_OF_BACKGROUND = 50;

    /** The slot of exclusive operations; background ones have one of their kind's name. */
    private static final String EXCLUSIVE = "";

    /** What goes on is judged by what they see; and who follows operations is there by then. */
    private static final int AFTER_THE_EYES = 10_000;

    /** How long a stopping agent waits for the step that runs; what does not end is gone on with at the next start. */
    private static final Duration LAST_STEP = Duration.ofSeconds(5);

    /** How long a request waits for another one's checks. */
    private static final Duration CHECKED = Duration.ofSeconds(10);

    private static final DateTimeFormatter STAMP =
            DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);

    private final Map<String, Command> commands = new TreeMap<>();
    private final Journal journal;
    private final Faults faults;
    private final String stateDir;
    private final Map<String, Operation> operations = new LinkedHashMap<>(); // oldest first
    private final List<Consumer<Operation>> followers = new CopyOnWriteArrayList<>();

    /** What runs, or is being checked, by its slot: there is room for one in each. */
    private final Map<String, Work> works = new HashMap<>();

    private boolean stopping;

    Engine(Settings settings, @All List<Command> commands, Faults faults, JournalFiles disk) {
        commands.forEach(command -> this.commands.put(command.kind(), command));
        this.stateDir = settings.stateDir().toString();
        this.faults = faults;
        this.journal = new Journal(settings.stateDir().resolve("operations"), disk);
    }

    /** Goes on with what was running when an earlier agent ended. */
    synchronized void start(@Observes @Priority(AFTER_THE_EYES) StartupEvent started) {
        for (Operation operation : journal.read()) {
            operations.put(operation.id(), operation);
        }
        for (Operation operation : List.copyOf(operations.values())) {
            if (operation.running()) {
                goOn(operation);
            }
        }
    }

    private void goOn(Operation operation) {
        Command command = commands.get(operation.kind());
        if (command == null || works.containsKey(slot(command.kind()))) {
            publish(operation.end(
                    State.INTERRUPTED,
                    Optional.of("the agent ended in its middle, and this one cannot go on with it"),
                    Optional.empty()));
            return;
        }
        LOG.warnf("going on with %s, which an agent that has ended was in the middle of", operation.id());
        Runbook runbook;
        try {
            runbook = command.runbook(operation.order().request());
        } catch (IllegalArgumentException e) {
            publish(operation.end(
                    State.INTERRUPTED,
                    Optional.of("the agent ended in its middle, and this one cannot read the order: " + e.getMessage()),
                    Optional.empty()));
            return;
        }
        begin(new Work(slot(command.kind()), runbook, operation, true));
    }

    void stop(@Observes ShutdownEvent stopped) throws InterruptedException {
        List<Work> running;
        synchronized (this) {
            stopping = true;
            running =
                    works.values().stream().filter(work -> work.thread != null).toList();
            notifyAll(); // those that rest
        }
        for (Work work : running) {
            LOG.infof("waiting for the running step of %s", work.operation.id());
            work.thread.join(LAST_STEP);
        }
    }

    /** Calls with each operation whenever it has changed, on the thread that changed it. */
    public void follow(Consumer<Operation> follower) {
        followers.add(follower);
    }

    public void unfollow(Consumer<Operation> follower) {
        followers.remove(follower);
    }

    public synchronized Optional<Operation> find(String id) {
        return Optional.ofNullable(operations.get(id));
    }

    /** The exclusive one that runs; not one that is still being checked. */
    public synchronized Optional<Operation> running() {
        return inSlot(EXCLUSIVE);
    }

    /** The one of this kind that runs. */
    public synchronized Optional<Operation> running(String kind) {
        return inSlot(slot(kind)).filter(operation -> operation.kind().equals(kind));
    }

    private Optional<Operation> inSlot(String slot) {
        return Optional.ofNullable(works.get(slot)).map(work -> work.operation);
    }

    private String slot(String kind) {
        Command command = commands.get(kind);
        return command != null && command.background() ? kind : EXCLUSIVE;
    }

    /** All that are kept, newest first. */
    public synchronized List<Operation> newestFirst() {
        return new ArrayList<>(operations.values()).reversed();
    }

    /** All that can be ordered. */
    public Collection<Command> commands() {
        return commands.values();
    }

    /**
     * An order that was judged.
     *
     * @param plan what would be done, where there is more to tell than the checks do
     */
    public record Judged(List<Check> checks, JsonObject plan) {}

    /**
     * Judges an order and does nothing.
     *
     * @throws Refusal only if it makes no sense; failed checks are in the answer
     * @throws PostgresException if the server cannot be asked
     */
    public Judged dryRun(Order order) throws Refusal, PostgresException, InterruptedException {
        try (Runbook runbook = runbook(order)) {
            return new Judged(judged(runbook, order), runbook.plan());
        }
    }

    /**
     * Checks an order and begins to carry it out; returns once it is in the journal.
     *
     * @return the operation; with a known idempotency key the earlier one
     * @throws Refusal if it is not carried out
     * @throws PostgresException if the server cannot be asked
     */
    public Operation order(Order order) throws Refusal, PostgresException, InterruptedException {
        Work work = new Work(slot(order.kind()), runbook(order), null, false);
        try {
            synchronized (this) {
                awaitCheck(work.slot);
                Optional<Operation> earlier = earlier(order);
                if (earlier.isPresent()) {
                    work.runbook.close();
                    return earlier.get();
                }
                if (stopping) {
                    throw new Refusal(Refusal.Kind.STOPPING, "the agent stops");
                }
                if (works.containsKey(work.slot)) {
                    Optional<Operation> running = inSlot(work.slot);
                    String what = running.map(Operation::id).orElse("another order, which is being checked");
                    throw new Refusal(Refusal.Kind.BUSY, "there is room for one: " + what, List.of(), running);
                }
                works.put(work.slot, work);
            }
            List<Check> checks = judged(work.runbook, order);
            if (checks.stream().anyMatch(Check::failed)) {
                boolean conflict = checks.stream().anyMatch(Check::conflict);
                throw new Refusal(
                        conflict ? Refusal.Kind.CONFLICT : Refusal.Kind.CHECKS,
                        "not carried out, nothing was touched",
                        checks,
                        Optional.empty());
            }
            return begin(work, Operation.begin(newId(order.kind()), order, checks));
        } catch (Refusal | PostgresException | InterruptedException | RuntimeException e) {
            release(work);
            throw e;
        }
    }

    /**
     * Waits while another request of this slot is being checked, for a limited time: that one may be refused, or be the agent's
     * own, and would be no reason to refuse this one.
     */
    private void awaitCheck(String slot) throws InterruptedException {
        long end = System.nanoTime() + CHECKED.toNanos();
        for (long left = CHECKED.toNanos();
                isBeingChecked(slot) && !stopping && left > 0;
                left = end - System.nanoTime()) {
            TimeUnit.NANOSECONDS.timedWait(this, left);
        }
    }

    private boolean isBeingChecked(String slot) {
        return works.containsKey(slot) && works.get(slot).operation == null;
    }

    /**
     * Ends a running operation before it has acted.
     *
     * @throws Refusal if it is over, or too late
     */
    public synchronized Operation cancel(Operation operation) throws Refusal {
        Work work = Optional.ofNullable(works.get(slot(operation.kind())))
                .filter(running -> running.isOf(operation))
                .orElseThrow(() -> new Refusal(
                        Refusal.Kind.TOO_LATE,
                        "%s has ended: %s"
                                .formatted(operation.id(), operation.state().id())));
        if (work.operation.irrevocable()) {
            throw new Refusal(
                    Refusal.Kind.TOO_LATE, operation.id() + " is past the point where it could be left undone");
        }
        work.cancelled = true;
        notifyAll(); // it may rest
        return work.operation;
    }

    /** Waits until the operation has ended, at most so long; returns it as it is then. */
    public Operation await(Operation operation, Duration most) throws InterruptedException {
        long end = System.nanoTime() + most.toNanos();
        synchronized (this) {
            while (operations.get(operation.id()).running()) {
                long left = (end - System.nanoTime()) / 1_000_000;
                if (left <= 0) {
                    break;
                }
                wait(left);
            }
            return operations.get(operation.id());
        }
    }

    private Optional<Operation> earlier(Order order) throws Refusal {
        Optional<Operation> earlier = order.idempotencyKey().flatMap(key -> operations.values().stream()
                .filter(operation -> operation.order().idempotencyKey().equals(Optional.of(key)))
                .findFirst());
        if (earlier.isPresent() && !order.asksTheSameAs(earlier.get().order())) {
            throw new Refusal(
                    Refusal.Kind.KEY_TAKEN,
                    "this Idempotency-Key stands for another order: "
                            + earlier.get().id(),
                    List.of(),
                    earlier);
        }
        return earlier;
    }

    private Runbook runbook(Order order) throws Refusal {
        Command command = commands.get(order.kind());
        for (String waiver : order.waivers()) {
            if (!command.hasCheck(waiver)) {
                throw new Refusal(
                        Refusal.Kind.MALFORMED,
                        "waive: there is no check \"%s\"; the checks of %s are %s"
                                .formatted(waiver, order.kind(), String.join(", ", command.checkNames())));
            }
        }
        try {
            return command.runbook(order.request());
        } catch (IllegalArgumentException e) {
            throw Refusal.of(e);
        }
    }

    private static List<Check> judged(Runbook runbook, Order order) throws PostgresException, InterruptedException {
        return runbook.check(order.waivers()).stream()
                .map(check -> check.waivedBy(order.waivers()))
                .toList();
    }

    private Operation begin(Work work, Operation operation) throws Refusal {
        try {
            journal.write(operation);
        } catch (IOException e) {
            journal.forget(operation); // it may be there, whole or not: nothing may go on with it
            throw new Refusal(
                    Refusal.Kind.NO_JOURNAL,
                    "%s cannot be written (%s): nothing is begun that could not be gone on with after a crash"
                            .formatted(stateDir, Trouble.with(e)));
        }
        faults.at(operation.kind() + ":ordered");
        work.operation = operation;
        begin(work);
        return operation;
    }

    private synchronized void begin(Work work) {
        works.put(work.slot, work);
        tell(work.operation);
        notifyAll(); // those that waited for its checks
        work.thread = Thread.ofVirtual().name(work.operation.id()).start(() -> carryOut(work));
    }

    private void carryOut(Work work) {
        try {
            work.runbook.run(work);
            end(work, State.SUCCEEDED, Optional.empty(), Optional.empty());
        } catch (StepFailed e) {
            end(
                    work,
                    e.state(),
                    Optional.of(e.getMessage()),
                    Optional.of(e.hint()).filter(text -> !text.isEmpty()));
        } catch (PostgresException e) {
            end(work, State.FAILED, Optional.of(e.failure().toString()), Optional.empty());
        } catch (InterruptedException _) {
            LOG.warnf("%s stops with the agent; the next start goes on with it", work.operation.id());
            publish(work.operation); // with the step that is done
        } catch (RuntimeException e) {
            LOG.errorf(e, "%s failed", work.operation.id());
            end(work, State.FAILED, Optional.of("a mistake of the agent: " + e), Optional.empty());
        } finally {
            release(work);
        }
    }

    private void end(Work work, State how, Optional<String> why, Optional<String> next) {
        work.operation = work.operation.end(how, why, next);
        publish(work.operation);
        LOG.infof(
                "%s %s%s",
                work.operation.id(), how.id(), why.map(text -> ": " + text).orElse(""));
    }

    private void release(Work work) {
        work.runbook.close();
        synchronized (this) {
            works.remove(work.slot, work);
            notifyAll();
        }
    }

    /** Keeps and tells it, also where the disk refuses: the truth in memory is better than none. */
    private void publish(Operation operation) {
        try {
            journal.write(operation);
        } catch (IOException e) {
            LOG.errorf("the journal of %s cannot be written: %s", operation.id(), Trouble.with(e));
        }
        tell(operation);
    }

    private void tell(Operation operation) {
        synchronized (this) {
            operations.put(operation.id(), operation);
            if (!operation.running()) {
                // At one moment: who hears that it has ended finds room for the next.
                works.values().removeIf(work -> work.isOf(operation));
                trim(slot(operation.kind()));
            }
            notifyAll();
        }
        followers.forEach(follower -> follower.accept(operation));
    }

    private void trim(String slot) {
        List<Operation> all = operations.values().stream()
                .filter(operation -> slot(operation.kind()).equals(slot))
                .toList();
        journal.trim(all, slot.equals(EXCLUSIVE) ? KEPT : KEPT_OF_BACKGROUND)
                .forEach(gone -> operations.remove(gone.id()));
    }

    private static String newId(String kind) {
        return "%s-%s-%06x"
                .formatted(
                        kind,
                        STAMP.format(Instant.now()),
                        ThreadLocalRandom.current().nextInt(1 << 24));
    }

    /** One operation on its way; its fields are written by its own thread, but for the wish to cancel. */
    private final class Work implements Run {
        private final String slot;
        private final Runbook runbook;
        private final boolean resumed;
        private volatile Operation operation;
        private volatile boolean cancelled;
        private Thread thread;

        Work(String slot, Runbook runbook, Operation operation, boolean resumed) {
            this.slot = slot;
            this.runbook = runbook;
            this.operation = operation;
            this.resumed = resumed;
        }

        @Override
        public boolean resumed() {
            return resumed;
        }

        @Override
        public String step(String name, Action act) throws StepFailed, PostgresException, InterruptedException {
            Optional<Step> before = operation.step(name).filter(step -> step.state() == Step.State.DONE);
            if (before.isPresent()) {
                return before.get().note();
            }
            stopHereIfWished();
            Step step = Step.begin(name);
            record(step);
            faults.at(operation.kind() + "/" + name + ":before");
            try {
                String note = act.act();
                faults.at(operation.kind() + "/" + name + ":after");
                record(step.end(Step.State.DONE, note));
                return note;
            } catch (StepFailed e) {
                record(step.end(Step.State.FAILED, e.getMessage()));
                throw e;
            } catch (PostgresException e) {
                record(step.end(Step.State.FAILED, e.failure().toString()));
                throw e;
            }
        }

        private boolean isOf(Operation other) {
            return operation != null && operation.id().equals(other.id());
        }

        /** Ends here, if that is wished; in the background it waits here while an exclusive operation runs. */
        private void stopHereIfWished() throws StepFailed, InterruptedException {
            synchronized (Engine.this) {
                throwIfWished();
                while (!slot.equals(EXCLUSIVE) && works.containsKey(EXCLUSIVE)) {
                    Engine.this.wait();
                    throwIfWished();
                }
            }
        }

        private void throwIfWished() throws StepFailed, InterruptedException {
            if (stopping) {
                throw new InterruptedException();
            }
            if (cancelled && !operation.irrevocable()) {
                throw StepFailed.cancelled();
            }
        }

        /** A step that cannot be written down does not act; that it is done is written with what comes next. */
        private void record(Step step) throws StepFailed {
            operation = operation.with(step);
            if (step.state() == Step.State.RUNNING) {
                write();
            }
            tell(operation);
        }

        private void write() throws StepFailed {
            try {
                journal.write(operation);
            } catch (IOException e) {
                throw StepFailed.because(
                        "it cannot be written down: %s: %s".formatted(stateDir, Trouble.with(e)),
                        "make room in %s, then order it again".formatted(stateDir));
            }
        }

        @Override
        public void pointOfNoReturn() throws StepFailed {
            synchronized (Engine.this) {
                if (cancelled) {
                    throw StepFailed.cancelled();
                }
                operation = operation.pastReturn();
            }
            write();
            faults.at(operation.kind() + ":irrevocable");
        }

        @Override
        public void rest(Duration howLong) throws StepFailed, InterruptedException {
            long end = System.nanoTime() + howLong.toNanos();
            synchronized (Engine.this) {
                throwIfWished();
                for (long left; (left = end - System.nanoTime()) > 0; throwIfWished()) {
                    TimeUnit.NANOSECONDS.timedWait(Engine.this, left);
                }
            }
            stopHereIfWished();
        }

        @Override
        public void note(String text) {
            Step running = operation.steps().getLast();
            operation = operation.with(running.noting(text));
            tell(operation);
        }

        @Override
        public boolean irrevocable() {
            return operation.irrevocable();
        }

        @Override
        public String id() {
            return operation.id();
        }

        @Override
        public String by() {
            return operation.order().by();
        }

        @Override
        public Instant ordered() {
            return operation.ordered();
        }

        @Override
        public Set<String> waivers() {
            return operation.order().waivers();
        }

        @Override
        public void found(String name, Object value) {
            operation = operation.with(name, value);
        }

        @Override
        public void forget(String name) {
            operation = operation.without(name);
        }

        @Override
        public Optional<Object> known(String name) {
            return Optional.ofNullable(operation.result().getValue(name));
        }
    }
}
