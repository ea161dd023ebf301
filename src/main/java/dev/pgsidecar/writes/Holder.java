package dev.pgsidecar.writes;

import dev.pgsidecar.observe.HostClock;
import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.operation.Engine;
import dev.pgsidecar.operation.Faults;
import dev.pgsidecar.operation.Operation;
import dev.pgsidecar.operation.Order;
import dev.pgsidecar.operation.Refusal;
import dev.pgsidecar.postgres.Line;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.WritePauses;
import dev.pgsidecar.postgres.WritePauses.Done;
import dev.pgsidecar.postgres.WritePauses.Terminated;
import dev.pgsidecar.postgres.catalog.WritePause;
import dev.pgsidecar.writes.Sample.Counters;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.vertx.core.json.JsonObject;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.Collection;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;

/**
 * Does what a pause asks of its holder, for as long as the record says so: ends the sessions that come back, watches for
 * writes all the same, and ends the pause when its lease has run out. It needs no journal and no state of its own; an agent
 * that starts reads the record and goes on.
 */
@Singleton
public class Holder {

    private static final Logger LOG = Logger.getLogger(Holder.class);

    /** How often sessions are ended during a pause. */
    private static final Duration AGAIN = Duration.ofMillis(200);

    /** A session that came in and rows that were written are taken for one event within this time. */
    private static final Duration TOGETHER = Duration.ofSeconds(5);

    /** Each attempt to adopt is an operation in the journal. */
    private static final Duration NOT_SO_OFTEN = Duration.ofSeconds(5);

    private final Tools tools;
    private final Engine engine;
    private final Faults faults;
    private final HostClock clock;
    private final LeaseClock lease;
    private final Semaphore seen = new Semaphore(0);
    private Optional<Thread> thread = Optional.empty();

    private Line line;
    private WritePauses pauses;

    /** What was counted before; an agent that begins takes the counters of the proof. */
    private Optional<Earlier> earlier = Optional.empty();

    private Optional<Moment> lastAdoption = Optional.empty();

    /** When a session was ended that can come back, and that session counters may not have. */
    private Optional<Moment> exemptEnded = Optional.empty();

    /**
     * @param counters of five to ten seconds ago: one visitor's session and rows may be counted at different moments
     * @param next the counters that take their place
     */
    private record Earlier(long generation, Moment since, Counters counters, Counters next) {}

    Holder(Tools tools, Engine engine, Faults faults, HostClock clock) {
        this.tools = tools;
        this.engine = engine;
        this.faults = faults;
        this.clock = clock;
        this.lease = new LeaseClock(tools.settings().observe().interval());
    }

    void start(@Observes StartupEvent started) {
        tools.observations().follow(_ -> seen.release());
        thread = Optional.of(Thread.ofVirtual().name("pause-holder").start(this::run));
    }

    void stop(@Observes ShutdownEvent stopped) throws InterruptedException {
        if (thread.isPresent()) {
            thread.get().interrupt();
            thread.get().join(Duration.ofSeconds(1));
        }
    }

    private void run() {
        line = tools.line("hold-pause");
        pauses = new WritePauses(line);
        try {
            while (true) {
                boolean holds = tick();
                if (holds) {
                    Thread.sleep(AGAIN);
                } else {
                    line.close();
                    tools.closeSpare();
                    earlier = Optional.empty();
                    seen.tryAcquire(1, TimeUnit.MINUTES);
                    seen.drainPermits();
                }
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt(); // the agent stops; the lease decides
        } finally {
            line.close();
            tools.closeSpare();
        }
    }

    /** Whether there is a pause to look after. */
    private boolean tick() throws InterruptedException {
        Optional<Answered> latest = tools.observations()
                .history()
                .latest()
                .flatMap(observation ->
                        observation instanceof Answered answered ? Optional.of(answered) : Optional.empty());
        if (latest.isEmpty()) {
            return false;
        }
        Instance instance = latest.get().instance();
        Optional<WritePause> pause = instance.facts().writePause();
        if (pause.isEmpty()) {
            return false;
        }
        boolean over = lease.over(pause.get(), latest.get().at(), clock.now()) || isNobodys(pause.get());
        Duty duty = Duty.of(instance, superseded(instance, false), over);
        if (duty == Duty.ADOPT && triedJustNow()) {
            return true;
        }
        if (duty == Duty.EXPIRE || duty == Duty.ADOPT) {
            // Who was away for a while does not know yet that somebody else has the writes.
            duty = Duty.of(instance, superseded(instance, true), over);
        }
        try {
            switch (duty) {
                case NOTHING -> {
                    return false;
                }
                case HOLD -> hold(pause.get());
                case EXPIRE -> expire(pause.get());
                case ADOPT -> adopt();
            }
        } catch (PostgresException e) {
            LOG.warnf("the pause cannot be looked after: %s", e.failure());
        } catch (RuntimeException e) {
            LOG.error("looking after the pause failed", e);
        }
        return true;
    }

    /** A pause whose operation ended otherwise than paused: its transaction was committed after its session was lost. */
    private boolean isNobodys(WritePause pause) {
        return engine.find(pause.operation())
                .filter(operation -> !operation.running() && operation.state() != Operation.State.SUCCEEDED)
                .isPresent();
    }

    private boolean superseded(Instance instance, boolean askAnew) throws InterruptedException {
        Collection<Peer> peers = askAnew
                ? tools.eyes().peersNow()
                : tools.observations().history().peers().values();
        return Common.isSuperseded(
                instance.timeline(),
                peers,
                clock.now(),
                tools.settings().observe().staleAfter());
    }

    private void hold(WritePause pause) throws PostgresException, InterruptedException {
        Terminated terminated = pauses.terminateSessions(pause.generation());
        if (!terminated.active()) {
            tools.eyes().lookNow(); // it has ended since
            return;
        }
        if (terminated.sessions() > 0) {
            LOG.infof(
                    "%d sessions ended that came in during the pause, among them %s",
                    terminated.sessions(), terminated.first().getFirst().encode());
        }
        if (terminated.exempt() > 0) {
            exemptEnded = Optional.of(clock.now());
        }
        if (pause.proved()) {
            watch(pause);
        }
    }

    private void watch(WritePause pause) throws PostgresException, InterruptedException {
        Sample now = Sample.take(line, pause.generation());
        Earlier before = earlier.filter(last -> last.generation() == pause.generation())
                .orElseGet(() -> new Earlier(
                        pause.generation(), clock.now(), now.proved().orElse(now.counters()), now.counters()));
        boolean uncounted = exemptEnded
                .filter(moment -> moment.ageAt(clock.now()).compareTo(TOGETHER.multipliedBy(2)) < 0)
                .isPresent();
        Optional<String> breach =
                Proof.breach(before.counters(), now, uncounted, pause.method().equals(PauseRequest.CLOSE));
        if (breach.isPresent()) {
            LOG.errorf(
                    "the pause of generation %d is BROKEN, somebody may have written: %s",
                    pause.generation(), breach.get());
            pauses.recordBreach(pause.generation());
            tools.eyes().lookNow();
        }
        boolean young = before.since().ageAt(clock.now()).compareTo(TOGETHER) < 0;
        earlier = Optional.of(
                young ? before : new Earlier(pause.generation(), clock.now(), before.next(), now.counters()));
    }

    /** The function itself looks again whether it has run out: a renewal may have come in between. */
    private void expire(WritePause pause) throws PostgresException, InterruptedException {
        boolean failed = isNobodys(pause);
        faults.at("expire:before");
        Done done = pauses.resume(pause.generation(), failed ? "failed" : "expired");
        faults.at("expire:after");
        if (done.changed()) {
            LOG.warnf(
                    "%s of the write pause %d (ordered by %s: %s): writes are resumed; sessions ended: %s%s",
                    failed ? "the operation has failed" : "the lease has run out",
                    pause.generation(),
                    pause.orderedBy(),
                    pause.reason(),
                    Tools.endSessions(pauses, pause.generation()),
                    done.kept().isEmpty() ? "" : "; left alone: " + String.join("; ", done.kept()));
        }
        tools.eyes().lookNow();
    }

    private boolean triedJustNow() {
        return lastAdoption
                .filter(last -> last.ageAt(clock.now()).compareTo(NOT_SO_OFTEN) < 0)
                .isPresent();
    }

    private void adopt() throws PostgresException, InterruptedException {
        lastAdoption = Optional.of(clock.now());
        try {
            engine.order(new Order(
                    Adopting.KIND, new JsonObject(), Set.of(), "pgsidecar", "this agent itself", Optional.empty()));
        } catch (Refusal refusal) {
            LOG.debugf("not adopted yet: %s", refusal.getMessage()); // a promote runs, which does it itself
        }
    }
}
