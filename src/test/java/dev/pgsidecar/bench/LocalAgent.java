package dev.pgsidecar.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Proxy;
import dev.pgsidecar.config.Configuration;
import dev.pgsidecar.config.InvalidConfiguration;
import dev.pgsidecar.config.Settings;
import dev.pgsidecar.observe.Observation;
import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.observe.Observations;
import dev.pgsidecar.observe.WritesDocument;
import dev.pgsidecar.operation.Engine;
import dev.pgsidecar.operation.JournalFiles;
import dev.pgsidecar.operation.Operation;
import dev.pgsidecar.operation.Order;
import dev.pgsidecar.operation.Refusal;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.probe.Probing;
import dev.pgsidecar.writes.Leases;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.quarkus.scheduler.Scheduler;
import io.vertx.core.Vertx;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationHandler;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * An agent beside a server, in this JVM. Its sessions go through a port of its own, so that {@link #kill} can do what
 * kill -9 does: no session and no file of the agent changes any more, and no thread of it gets any further than that.
 */
public final class LocalAgent implements AutoCloseable {

    private static final Vertx VERTX = Vertx.vertx();
    private static final Path NO_FILE = Path.of("src/test/resources/empty.yaml");
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    /** At most; so after so many there was one. */
    private static final int READS_PER_JUDGEMENT = 6;

    private final Proxy network;
    private final KillableFiles files;
    private final Points points;
    private final TestClock clock = new TestClock();
    private final Settings settings;
    private final Beans beans;
    private final Probing probes;
    private final CountDownLatch killed = new CountDownLatch(1);
    private final AtomicBoolean stopping = new AtomicBoolean();
    private volatile boolean stopped;

    private LocalAgent(Postgres server, Path state, Map<String, String> environment, Points points) {
        this.network = Proxy.to(server.port());
        this.files = new KillableFiles(new Beans().get(JournalFiles.class));
        this.points = points;
        points.bind(this::kill);
        this.settings = settings(network.port(), state, environment);
        this.beans = new Beans(settings, VERTX, files, points, clock, scheduler());
        beans.makeAll();
        this.probes = new Probing(settings, observations());
        beans.observersOf(new StartupEvent()).forEach(Runnable::run);
    }

    /**
     * Starts an agent.
     *
     * @param state its state folder
     * @param environment its configuration, as environment variables
     * @param points what becomes of it where
     */
    public static LocalAgent start(Postgres server, Path state, Map<String, String> environment, Points points) {
        return new LocalAgent(server, state, environment, points);
    }

    private static Settings settings(int port, Path state, Map<String, String> environment) {
        Map<String, String> all = new HashMap<>(Map.of(
                "PGSIDECAR_NAME", "pg-0",
                "PGSIDECAR_STATE_DIR", state.toString(),
                "PGSIDECAR_POSTGRES_PORT", "" + port,
                "PGSIDECAR_POSTGRES_SSL_MODE", "disable",
                "PGSIDECAR_OBSERVE_INTERVAL", "100ms",
                "PGSIDECAR_OBSERVE_TIMEOUT", "1s",
                "PGSIDECAR_OBSERVE_STALE_AFTER", "2500ms",
                "PGSIDECAR_OBSERVE_CONNECT_EVERY", "1s"));
        all.putAll(environment);
        try {
            return Configuration.load(Optional.of(NO_FILE), Map.of(), all).settings();
        } catch (InvalidConfiguration e) {
            throw new IllegalArgumentException(e);
        }
    }

    /** One that never calls anybody. */
    private static Scheduler scheduler() {
        InvocationHandler fluent =
                (proxy, method, arguments) -> method.getReturnType().isInterface()
                        ? java.lang.reflect.Proxy.newProxyInstance(
                                method.getReturnType().getClassLoader(),
                                new Class<?>[] {method.getReturnType()},
                                java.lang.reflect.Proxy.getInvocationHandler(proxy))
                        : null;
        return (Scheduler) java.lang.reflect.Proxy.newProxyInstance(
                Scheduler.class.getClassLoader(), new Class<?>[] {Scheduler.class}, fluent);
    }

    public Engine engine() {
        return beans.get(Engine.class);
    }

    public Observations observations() {
        return beans.get(Observations.class);
    }

    /** The clock by which it judges leases. */
    public TestClock clock() {
        return clock;
    }

    /** The points that it has reached. */
    public Points points() {
        return points;
    }

    /** Orders an operation; returns when it is in the journal. */
    public Operation order(String kind, JsonObject request, String... waivers)
            throws Refusal, PostgresException, InterruptedException {
        return engine().order(new Order(kind, request, Set.of(waivers), "tests", "this JVM", Optional.empty()));
    }

    /** Orders an operation, and returns it when it has ended. */
    public Operation carryOut(String kind, JsonObject request, String... waivers)
            throws Refusal, PostgresException, InterruptedException {
        return awaitEnd(order(kind, request, waivers).id());
    }

    /** Orders an operation, and returns its name when the agent was killed in it. */
    public String dieIn(String kind, JsonObject request, String... waivers)
            throws Refusal, PostgresException, InterruptedException {
        try {
            order(kind, request, waivers);
        } catch (AgentKilled e) {
            // it ended before it answered
        }
        awaitDeath();
        return journalled(kind);
    }

    /** The newest operation of this kind that is in the journal on the disk. */
    private String journalled(String kind) {
        try (Stream<Path> journal = Files.list(settings.stateDir().resolve("operations"))) {
            return journal.map(file -> file.getFileName().toString())
                    .filter(name -> name.startsWith(kind + "-") && name.endsWith(".json"))
                    .map(name -> name.replace(".json", ""))
                    .max(String::compareTo)
                    .orElseThrow();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Waits until it was killed. */
    public void awaitDeath() throws InterruptedException {
        assertThat(killed.await(PATIENCE.toSeconds(), TimeUnit.SECONDS))
                .as("killed; it reached %s", points.reached())
                .isTrue();
    }

    /** The operation of this name, when it has ended. */
    public Operation awaitEnd(String id) throws InterruptedException {
        Operation operation = engine().find(id).orElseThrow(() -> new AssertionError("no operation " + id));
        Operation ended = engine().await(operation, PATIENCE);
        assertThat(ended.running()).as(ended.json().encodePrettily()).isFalse();
        return ended;
    }

    /** Renews the lease of a pause. */
    public void renew(long generation, String ttl) throws Refusal, PostgresException, InterruptedException {
        beans.get(Leases.class)
                .renew(new JsonObject().put("generation", generation).put("ttl", ttl));
    }

    /** What GET /v1/writes answers; empty while the server does not answer. */
    public JsonObject writes() {
        return observations()
                .history()
                .latest()
                .map(seen -> seen instanceof Answered answered
                        ? WritesDocument.of(answered.instance().facts())
                        : new JsonObject())
                .orElseGet(JsonObject::new);
    }

    /** Waits until a probe answers this. */
    public LocalAgent awaitProbe(String path, int status, String reason) {
        await("%s %d %s".formatted(path, status, reason))
                .atMost(PATIENCE)
                .pollDelay(Duration.ZERO)
                .pollInterval(Duration.ofMillis(5))
                .until(
                        () -> probes.get(path),
                        answer -> answer.getInteger("status") == status && reason.equals(answer.getString("reason")));
        return this;
    }

    /** Waits until what holds a pause has judged it so many times more. */
    public void awaitJudgements(int more) {
        long before = clock.reads();
        await("judgements").atMost(PATIENCE).until(() -> clock.reads() >= before + more * READS_PER_JUDGEMENT);
    }

    /** Waits until it has observed the server so many times more, whatever it saw. */
    public void awaitObservations(int more) throws InterruptedException {
        CountDownLatch left = new CountDownLatch(more);
        AtomicReference<Observation> last =
                new AtomicReference<>(observations().history().latest().orElse(null));
        observations().follow(history -> {
            Observation latest = history.latest().orElse(null);
            if (last.getAndSet(latest) != latest) {
                left.countDown();
            }
        });
        assertThat(left.await(PATIENCE.toSeconds(), TimeUnit.SECONDS))
                .as("observations")
                .isTrue();
    }

    /** Kills it when an operation has made this progress, on the operation's own thread. */
    public void killWhen(Predicate<Operation> progress) {
        engine().follow(operation -> {
            if (progress.test(operation)) {
                kill();
                throw AgentKilled.here("the agent ended in " + operation.id());
            }
        });
    }

    /** As kill -9: nothing of what it was doing has an effect any more. */
    public void kill() {
        files.kill();
        points.killed();
        network.close();
        killed.countDown();
        // Its threads can do nothing any more; this ends those that would only try.
        beans.observersOf(new ShutdownEvent())
                .forEach(observer -> Thread.ofVirtual().start(observer));
    }

    /** As SIGTERM; does nothing where it was killed, or stopped before. */
    public void stop() {
        if (killed.getCount() > 0 && !stopping.getAndSet(true)) {
            beans.observersOf(new ShutdownEvent()).forEach(Runnable::run);
            network.close();
            stopped = true;
        }
    }

    /** Waits until it takes no orders any more because it stops. */
    public void awaitStopping() {
        await("stopping").atMost(PATIENCE).pollInterval(Duration.ofMillis(1)).until(() -> {
            Refusal refusal = catchThrowableOfType(Refusal.class, () -> order("resume", new JsonObject()));
            return refusal != null && refusal.kind() == Refusal.Kind.STOPPING;
        });
    }

    /** Whether it has stopped. */
    public boolean hasStopped() {
        return stopped;
    }

    @Override
    public void close() {
        stop();
    }
}
