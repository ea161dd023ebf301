package dev.pgsidecar.writes;

import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.operation.Engine;
import dev.pgsidecar.operation.Order;
import dev.pgsidecar.operation.Refusal;
import dev.pgsidecar.postgres.Line;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.WritePauses;
import dev.pgsidecar.postgres.WritePauses.Done;
import dev.pgsidecar.postgres.WritePauses.Terminated;
import dev.pgsidecar.postgres.catalog.WritePause;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.vertx.core.json.JsonObject;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.time.Duration;
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

    private final Tools tools;
    private final Engine engine;
    private final LeaseClock lease;
    private final Semaphore seen = new Semaphore(0);
    private Optional<Thread> thread = Optional.empty();

    private Line line;
    private WritePauses pauses;
    private Optional<Baseline> baseline = Optional.empty();

    /** What a pause looked like after its proof, or when this agent began to hold it. */
    private record Baseline(long generation, Sample sample) {}

    Holder(Tools tools, Engine engine) {
        this.tools = tools;
        this.engine = engine;
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
                    baseline = Optional.empty();
                    seen.tryAcquire(1, TimeUnit.MINUTES);
                    seen.drainPermits();
                }
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt(); // the agent stops; the lease decides
        } finally {
            line.close();
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
        boolean over = pause.isPresent() && lease.over(pause.get(), latest.get().at(), Moment.now());
        Duty duty = Duty.of(instance, tools.settings().instanceName(), superseded(instance), over);
        if (duty == Duty.NOTHING) {
            return false;
        }
        try {
            switch (duty) {
                case HOLD -> hold(pause.orElseThrow());
                case EXPIRE -> expire(pause.orElseThrow());
                default -> adopt();
            }
        } catch (PostgresException e) {
            LOG.warnf("the pause cannot be looked after: %s", e.failure());
        } catch (RuntimeException e) {
            LOG.error("looking after the pause failed", e);
        }
        return true;
    }

    private boolean superseded(Instance instance) {
        return tools.observations().history().peers().values().stream().anyMatch(peer -> peer.before()
                .filter(other -> other.timeline() > instance.timeline())
                .isPresent());
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
        if (pause.proved()) {
            watch(pause);
        }
    }

    private void watch(WritePause pause) throws PostgresException, InterruptedException {
        Sample now = Sample.take(line, pause.generation());
        Optional<Baseline> before = baseline.filter(last -> last.generation() == pause.generation());
        if (before.isEmpty()) {
            baseline = Optional.of(new Baseline(pause.generation(), now));
            return;
        }
        Optional<String> breach = Proof.breach(before.get().sample(), now);
        if (breach.isPresent()) {
            LOG.errorf(
                    "the pause of generation %d is BROKEN, somebody may have written: %s",
                    pause.generation(), breach.get());
            pauses.noteProof(pause.generation(), Optional.empty(), WritePause.BROKEN);
            tools.eyes().lookNow();
        }
    }

    /** The function itself looks again whether it has run out: a renewal may have come in between. */
    private void expire(WritePause pause) throws PostgresException, InterruptedException {
        Done done = pauses.resume(pause.generation(), "expired");
        if (done.changed()) {
            LOG.warnf(
                    "the lease of the write pause %d has run out (ordered by %s: %s): writes are resumed; %s%s",
                    pause.generation(),
                    pause.orderedBy(),
                    pause.reason(),
                    Tools.endSessions(pauses, pause.generation()),
                    done.kept().isEmpty() ? "" : "; left alone: " + String.join("; ", done.kept()));
        }
        tools.eyes().lookNow();
    }

    private void adopt() throws PostgresException, InterruptedException {
        try {
            engine.order(new Order(
                    Adopting.KIND, new JsonObject(), Set.of(), "pgsidecar", "this agent itself", Optional.empty()));
        } catch (Refusal refusal) {
            LOG.debugf("not adopted yet: %s", refusal.getMessage()); // a promote runs, which does it itself
        }
    }
}
