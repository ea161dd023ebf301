package dev.pgsidecar.operation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.config.Configuration;
import dev.pgsidecar.config.Settings;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.vertx.core.json.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The engine, with a command that does what the test says. */
class EngineTest {

    @TempDir
    Path state;

    private volatile int closed;
    private final List<String> done = new ArrayList<>();
    private final CountDownLatch first = new CountDownLatch(1);
    private final CountDownLatch goOn = new CountDownLatch(1);
    private final CountDownLatch chore = new CountDownLatch(1);
    private final AtomicInteger rests = new AtomicInteger();
    private final CountDownLatch checking = new CountDownLatch(1);
    private volatile CountDownLatch judge = new CountDownLatch(0);
    private List<Check> checks = List.of(Check.passed("weather", "fine", "fine"));
    private Engine engine;

    private final Command command = new Command() {
        @Override
        public String kind() {
            return "work";
        }

        @Override
        public List<String> checkNames() {
            return List.of("weather", "tide");
        }

        @Override
        public Runbook runbook(JsonObject request) {
            if (request.containsKey("nonsense")) {
                throw new IllegalArgumentException("nonsense: makes none");
            }
            return new Book(request);
        }
    };

    /** Rests until it is told to go on, step by step. */
    private final Command background = new Command() {
        @Override
        public String kind() {
            return "chore";
        }

        @Override
        public boolean background() {
            return true;
        }

        @Override
        public List<String> checkNames() {
            return List.of();
        }

        @Override
        public Runbook runbook(JsonObject request) {
            return new Runbook() {
                @Override
                public List<Check> check(Set<String> waivers) {
                    return List.of();
                }

                @Override
                public void run(Run run)
                        throws StepFailed, dev.pgsidecar.postgres.PostgresException, InterruptedException {
                    run.step("begin", () -> {
                        chore.countDown();
                        return "";
                    });
                    if (request.containsKey("long")) {
                        run.rest(Duration.ofHours(1));
                    }
                    while (goOn.getCount() > 0) {
                        run.rest(Duration.ofMillis(1));
                        rests.incrementAndGet();
                    }
                    run.step("end", () -> "");
                }

                @Override
                public void close() {}
            };
        }
    };

    private final class Book implements Runbook {
        private final JsonObject request;

        Book(JsonObject request) {
            this.request = request;
        }

        @Override
        public List<Check> check(Set<String> waivers) {
            checking.countDown();
            try {
                judge.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            return checks;
        }

        @Override
        public void run(Run run) throws StepFailed, dev.pgsidecar.postgres.PostgresException, InterruptedException {
            run.step("first", () -> {
                done.add("first");
                first.countDown();
                goOn.await();
                return "noted";
            });
            run.found("value", 7);
            run.step("second", () -> {
                if (request.containsKey("fail")) {
                    throw StepFailed.because("it would not", "try again");
                }
                done.add("second");
                return "";
            });
        }

        @Override
        public void close() {
            closed++;
        }
    }

    @BeforeEach
    void start() throws Exception {
        engine = engine();
    }

    @AfterEach
    void end() {
        goOn.countDown();
        await().until(() -> engine.running().isEmpty());
    }

    private Engine engine() throws Exception {
        Settings settings = Configuration.load(
                        Optional.of(Path.of("src/test/resources/empty.yaml")),
                        Map.of("pgsidecar.state-dir", state.toString()),
                        Map.of())
                .settings();
        Engine made = new Engine(settings, List.of(command, background), _ -> {}, new DiskFiles());
        made.start(new StartupEvent());
        return made;
    }

    @Test
    void carriesOutStepByStep() throws Exception {
        Operation operation = engine.order(order(new JsonObject()));
        first.await();
        assertThat(journal(operation).getString("state")).isEqualTo("running");
        assertThat(journal(operation).getJsonArray("steps").getJsonObject(0).getString("state"))
                .as("written down before it acts")
                .isEqualTo("running");
        assertThat(engine.running()).isPresent();
        goOn.countDown();
        Operation ended = engine.await(operation, Duration.ofSeconds(10));
        assertThat(ended.state()).isEqualTo(Operation.State.SUCCEEDED);
        assertThat(ended.steps())
                .extracting(Step::name, Step::state, Step::note)
                .containsExactly(tuple("first", Step.State.DONE, "noted"), tuple("second", Step.State.DONE, ""));
        assertThat(journal(operation)).isEqualTo(ended.json());
        assertThat(Operation.of(ended.json())).isEqualTo(ended);
        await().until(() -> engine.running().isEmpty());
    }

    @Test
    void hasRoomForOne() throws Exception {
        Operation operation = engine.order(order(new JsonObject()));
        Refusal refusal = refusal(order(new JsonObject()));
        assertThat(refusal.kind()).isEqualTo(Refusal.Kind.BUSY);
        assertThat(refusal.other().orElseThrow().id()).isEqualTo(operation.id());
        assertThat(closed).isEqualTo(1);
        goOn.countDown();
    }

    @Test
    void waitsWhileAnotherOneIsBeingChecked() throws Exception {
        judge = new CountDownLatch(1);
        checks = List.of(Check.failed("weather", "bad", "fine", "wait"));
        FutureTask<Refusal> one = new FutureTask<>(() -> refusal(order(new JsonObject())));
        FutureTask<Refusal> other = new FutureTask<>(() -> refusal(order(new JsonObject())));
        Thread.ofVirtual().start(one);
        checking.await();
        Thread waits = Thread.ofPlatform().start(other);
        await().until(() -> waits.getState() == Thread.State.TIMED_WAITING || other.isDone());
        judge.countDown();
        assertThat(one.get().kind()).isEqualTo(Refusal.Kind.CHECKS);
        assertThat(other.get().kind())
                .as("refused by its own checks, and not because the first was being checked")
                .isEqualTo(Refusal.Kind.CHECKS);
    }

    @Test
    void knowsAnOrderByItsKey() throws Exception {
        Order keyed = new Order("work", new JsonObject(), Set.of(), "me", "here", Optional.of("k"));
        Operation operation = engine.order(keyed);
        assertThat(engine.order(keyed).id()).isEqualTo(operation.id());
        Refusal refusal =
                refusal(new Order("work", new JsonObject().put("x", 1), Set.of(), "me", "here", Optional.of("k")));
        assertThat(refusal.kind()).isEqualTo(Refusal.Kind.KEY_TAKEN);
        goOn.countDown();
        engine.await(operation, Duration.ofSeconds(10));
        assertThat(engine().order(keyed).id()).as("also after a restart").isEqualTo(operation.id());
    }

    @Test
    void touchesNothingWhenACheckFails() throws Exception {
        checks = List.of(
                Check.passed("weather", "fine", "fine"), Check.doubtful("tide", "low", "high", "wait, or waive tide"));
        assertThat(refusal(order(new JsonObject())).kind()).isEqualTo(Refusal.Kind.CHECKS);
        assertThat(done).isEmpty();
        assertThat(state.resolve("operations")).doesNotExist();
        assertThat(engine.dryRun(order(new JsonObject())).checks()).anyMatch(Check::failed);

        goOn.countDown();
        Operation waived =
                engine.order(new Order("work", new JsonObject(), Set.of("tide"), "me", "here", Optional.empty()));
        assertThat(waived.checks()).extracting(Check::outcome).contains(Check.Outcome.WAIVED);

        checks = List.of(Check.failed("tide", "low", "high", "wait"));
        engine.await(waived, Duration.ofSeconds(10));
        assertThat(refusal(new Order("work", new JsonObject(), Set.of("tide"), "me", "here", Optional.empty()))
                        .kind())
                .as("nobody can take that on")
                .isEqualTo(Refusal.Kind.CHECKS);
    }

    @Test
    void refusesWhatMakesNoSense() {
        assertThat(refusal(order(new JsonObject().put("nonsense", 1))).kind()).isEqualTo(Refusal.Kind.MALFORMED);
        assertThat(refusal(new Order("work", new JsonObject(), Set.of("luck"), "me", "here", Optional.empty())))
                .hasMessageContaining("luck")
                .hasMessageContaining("weather, tide");
    }

    @Test
    void tellsWhyItFailed() throws Exception {
        goOn.countDown();
        Operation ended = engine.await(engine.order(order(new JsonObject().put("fail", true))), Duration.ofSeconds(10));
        assertThat(ended.state()).isEqualTo(Operation.State.FAILED);
        assertThat(ended.failure()).contains("it would not");
        assertThat(ended.hint()).contains("try again");
        assertThat(ended.step("second").orElseThrow().state()).isEqualTo(Step.State.FAILED);
    }

    @Test
    void cancelsAtTheNextStep() throws Exception {
        Operation operation = engine.order(order(new JsonObject()));
        first.await();
        engine.cancel(operation);
        goOn.countDown();
        assertThat(engine.await(operation, Duration.ofSeconds(10)).state()).isEqualTo(Operation.State.CANCELLED);
        assertThat(done).containsExactly("first");
        assertThat(catchThrowableOfType(Refusal.class, () -> engine.cancel(operation))
                        .kind())
                .isEqualTo(Refusal.Kind.TOO_LATE);
    }

    @Test
    void goesOnAfterAStopWhereItWas() throws Exception {
        Operation operation = engine.order(order(new JsonObject()));
        first.await();
        Thread stopping = Thread.ofVirtual().start(() -> {
            try {
                engine.stop(new ShutdownEvent());
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        await().untilAsserted(() ->
                assertThat(refusal(order(new JsonObject())).kind()).isEqualTo(Refusal.Kind.STOPPING));
        goOn.countDown();
        stopping.join();
        assertThat(journal(operation).getString("state")).isEqualTo("running");
        assertThat(engine.running()).isEmpty();
        Engine next = engine();
        assertThat(next.await(operation, Duration.ofSeconds(10)).state()).isEqualTo(Operation.State.SUCCEEDED);
        assertThat(done).as("a step that is done is not done again").containsExactly("first", "second");
    }

    @Test
    void letsABackgroundOperationWaitForAnExclusiveOne() throws Exception {
        Operation quiet = engine.order(chore(new JsonObject()));
        chore.await();
        await().until(() -> rests.get() > 0);
        Operation operation = engine.order(order(new JsonObject()));
        first.await();
        assertThat(engine.running()).map(Operation::id).contains(operation.id());
        assertThat(engine.running("chore")).map(Operation::id).contains(quiet.id());
        assertThat(refusal(chore(new JsonObject())).other().orElseThrow().id()).isEqualTo(quiet.id());
        Thread.sleep(50);
        int then = rests.get();
        Thread.sleep(100);
        assertThat(rests).as("it waits").hasValue(then);
        goOn.countDown();
        assertThat(engine.await(operation, Duration.ofSeconds(10)).state()).isEqualTo(Operation.State.SUCCEEDED);
        assertThat(engine.await(quiet, Duration.ofSeconds(10)).state()).isEqualTo(Operation.State.SUCCEEDED);
    }

    @Test
    void endsALongRestAtOnce() throws Exception {
        Operation resting = engine.order(chore(new JsonObject().put("long", true)));
        chore.await();
        engine.cancel(resting);
        assertThat(engine.await(resting, Duration.ofSeconds(10)).state()).isEqualTo(Operation.State.CANCELLED);

        Operation stopped = engine.order(chore(new JsonObject().put("long", true)));
        engine.stop(new ShutdownEvent());
        assertThat(engine.running("chore")).isEmpty();
        assertThat(journal(stopped).getString("state")).isEqualTo("running");
    }

    @Test
    void keepsWhatWasOrderedBesideWhatItDoesByItself() throws Exception {
        goOn.countDown();
        Operation ordered = engine.order(order(new JsonObject()));
        engine.await(ordered, Duration.ofSeconds(10));
        for (int count = 0; count < 60; count++) {
            engine.await(engine.order(chore(new JsonObject())), Duration.ofSeconds(10));
        }
        assertThat(engine.find(ordered.id())).isPresent();
        assertThat(engine.newestFirst()).hasSize(51);
    }

    @Test
    void keepsTheNewestTwoHundred() throws Exception {
        goOn.countDown();
        Operation oldest = engine.order(order(new JsonObject()));
        engine.await(oldest, Duration.ofSeconds(10));
        for (int count = 0; count < 200; count++) {
            engine.await(engine.order(order(new JsonObject())), Duration.ofSeconds(10));
        }
        assertThat(engine.find(oldest.id())).isEmpty();
        assertThat(engine.newestFirst()).hasSize(200);
        await().untilAsserted(() -> assertThat(closed)
                .as("every runbook is closed, whatever became of it")
                .isEqualTo(201));
        try (var files = Files.list(state.resolve("operations"))) {
            assertThat(files).hasSize(200);
        }
    }

    private static Order order(JsonObject request) {
        return new Order("work", request, Set.of(), "me", "here", Optional.empty());
    }

    private static Order chore(JsonObject request) {
        return new Order("chore", request, Set.of(), "me", "here", Optional.empty());
    }

    private Refusal refusal(Order order) {
        return catchThrowableOfType(Refusal.class, () -> engine.order(order));
    }

    private JsonObject journal(Operation operation) throws Exception {
        return new JsonObject(Files.readString(state.resolve("operations").resolve(operation.id() + ".json")));
    }
}
