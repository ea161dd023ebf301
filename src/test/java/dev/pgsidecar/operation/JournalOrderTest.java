package dev.pgsidecar.operation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.config.Configuration;
import dev.pgsidecar.config.Settings;
import io.quarkus.runtime.StartupEvent;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The order of what is written, synced and done. No kill of the process shows a sync that is missing: only a loss of power
 * does, and then the journal lacks an operation that has acted.
 */
class JournalOrderTest {

    @TempDir
    Path folder;

    /** Everything that happened, in its order. */
    private final List<String> events = Collections.synchronizedList(new ArrayList<>());

    @Test
    void syncsEachNewFolderInItsParent() throws Exception {
        new Journal(folder.resolve("new/state/operations"), recorder()).write(operation());
        assertThat(events)
                .startsWith(
                        "create new",
                        "sync .",
                        "create new/state",
                        "sync new",
                        "create new/state/operations",
                        "sync new/state");
    }

    @Test
    void syncsTheFileBeforeItsNameAndTheNameBeforeItReturns() throws Exception {
        Files.createDirectories(folder.resolve("operations"));
        new Journal(folder.resolve("operations"), recorder()).write(operation());
        assertThat(events)
                .containsExactly(
                        "write operations/work-1.new: ordered",
                        "sync operations/work-1.new",
                        "rename operations/work-1.new to operations/work-1.json",
                        "sync operations");
    }

    /** A step is durable as running before it acts; so is the point of no return before what follows it. */
    @Test
    void isAheadOfWhatIsDone() throws Exception {
        Engine engine =
                new Engine(settings(), List.of(new Work()), point -> events.add("reached " + point), recorder());
        engine.start(new StartupEvent());
        Order order = new Order("work", new JsonObject(), Set.of(), "me", "here", Optional.empty());
        Operation operation = engine.await(engine.order(order), Duration.ofSeconds(10));
        assertThat(operation.state()).isEqualTo(Operation.State.SUCCEEDED);

        List<String> expected =
                new ArrayList<>(List.of("create state", "sync .", "create state/operations", "sync state"));
        expected.addAll(durable(operation, "ordered"));
        expected.add("reached work:ordered");
        expected.addAll(durable(operation, "first running"));
        expected.add("reached work/first:before");
        expected.add("acts: first");
        expected.add("reached work/first:after");
        expected.addAll(durable(operation, "first done, second running"));
        expected.add("reached work/second:before");
        expected.addAll(durable(operation, "first done, second running, irrevocable"));
        expected.add("reached work:irrevocable");
        expected.add("acts: second");
        expected.add("reached work/second:after");
        expected.addAll(durable(operation, "first done, second done, irrevocable, succeeded"));
        assertThat(events).containsExactlyElementsOf(expected);
    }

    /** What the recorder calls a sync is one: the JVM reports each fsync. */
    @Test
    void reallySyncs() throws Exception {
        Path operations = folder.resolve("state/operations");
        assertThat(synced(() -> new Journal(operations, new DiskFiles()).write(operation())))
                .containsExactly(
                        folder.toString(),
                        folder.resolve("state").toString(),
                        operations.resolve("work-1.new").toString(),
                        operations.toString());
    }

    private List<String> durable(Operation operation, String content) {
        String file = "state/operations/" + operation.id();
        return List.of(
                "write %s.new: %s".formatted(file, content),
                "sync %s.new".formatted(file),
                "rename %1$s.new to %1$s.json".formatted(file),
                "sync state/operations");
    }

    private static Operation operation() {
        Order order = new Order("work", new JsonObject(), Set.of(), "me", "here", Optional.empty());
        return Operation.begin("work-1", order, List.of());
    }

    private Settings settings() throws Exception {
        return Configuration.load(
                        Optional.of(Path.of("src/test/resources/empty.yaml")),
                        Map.of("pgsidecar.state-dir", folder.resolve("state").toString()),
                        Map.of())
                .settings();
    }

    private interface Action {
        void run() throws Exception;
    }

    /** The files and folders that this thread syncs, in their order. */
    private List<String> synced(Action action) throws Exception {
        Path file = Files.createTempFile("syncs", ".jfr");
        try (Recording recording = new Recording()) {
            recording.enable("jdk.FileForce").withThreshold(Duration.ZERO);
            recording.start();
            action.run();
            recording.stop();
            recording.dump(file);
            return RecordingFile.readAllEvents(file).stream()
                    .filter(event -> event.getThread().getJavaThreadId()
                            == Thread.currentThread().threadId())
                    .sorted((one, other) -> one.getStartTime().compareTo(other.getStartTime()))
                    .map((RecordedEvent event) -> event.getString("path"))
                    .toList();
        } finally {
            Files.delete(file);
        }
    }

    private JournalFiles recorder() {
        JournalFiles disk = new DiskFiles();
        return new JournalFiles() {
            @Override
            public void createFolder(Path created) throws IOException {
                events.add("create " + name(created));
                disk.createFolder(created);
            }

            @Override
            public void write(Path file, byte[] content) throws IOException {
                events.add("write %s: %s".formatted(name(file), summary(new JsonObject(new String(content)))));
                disk.write(file, content);
            }

            @Override
            public void sync(Path path) throws IOException {
                events.add("sync " + name(path));
                disk.sync(path);
            }

            @Override
            public void rename(Path from, Path to) throws IOException {
                events.add("rename %s to %s".formatted(name(from), name(to)));
                disk.rename(from, to);
            }

            @Override
            public void delete(Path file) throws IOException {
                events.add("delete " + name(file));
                disk.delete(file);
            }
        };
    }

    private String name(Path path) {
        return path.equals(folder) ? "." : folder.relativize(path).toString();
    }

    private static String summary(JsonObject operation) {
        List<String> parts = new ArrayList<>();
        operation.getJsonArray("steps").stream()
                .map(JsonObject.class::cast)
                .forEach(step -> parts.add(step.getString("name") + " " + step.getString("state")));
        if (operation.getBoolean("irrevocable")) {
            parts.add("irrevocable");
        }
        if (!operation.getString("state").equals("running")) {
            parts.add(operation.getString("state"));
        }
        return parts.isEmpty() ? "ordered" : String.join(", ", parts);
    }

    /** Two steps, of which the second one cannot be undone. */
    private final class Work implements Command, Runbook {
        @Override
        public String kind() {
            return "work";
        }

        @Override
        public List<String> checkNames() {
            return List.of();
        }

        @Override
        public Runbook runbook(JsonObject request) {
            return this;
        }

        @Override
        public List<Check> check(Set<String> waivers) {
            return List.of();
        }

        @Override
        public void run(Run run) throws StepFailed, dev.pgsidecar.postgres.PostgresException, InterruptedException {
            run.step("first", () -> {
                events.add("acts: first");
                return "";
            });
            run.step("second", () -> {
                run.pointOfNoReturn();
                events.add("acts: second");
                return "";
            });
        }

        @Override
        public void close() {}
    }
}
