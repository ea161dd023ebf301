package dev.pgsidecar.agent;

import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Cluster;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * The program under test: the executable that the property {@code pgsidecar.test.executable} names, else the jar of this
 * build. The JVM starts the jar with an AOT cache, which takes half the processor time; the first start of a new jar makes it.
 */
final class AgentProgram {

    private static final Path APPLICATION = Path.of("target/quarkus-app").toAbsolutePath();
    private static final Path CACHE = Path.of("target/agent.aot").toAbsolutePath();
    private static final Duration TRAINING = Duration.ofMinutes(2);

    private AgentProgram() {}

    /** Its command line, without arguments. */
    static List<String> command() {
        String executable = System.getProperty("pgsidecar.test.executable", "");
        return executable.isEmpty() ? jar("-XX:AOTCache=" + cache()) : List.of(executable);
    }

    private static List<String> jar(String option) {
        return List.of(
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:CompileThresholdScaling=3", // most agents of tests live for seconds
                "-XX:+UseSerialGC",
                "-XX:-UsePerfData",
                "-XX:+ExitOnOutOfMemoryError",
                "-Xmx64m",
                "-Xms64m",
                "-Xmn32m",
                option,
                "-jar",
                APPLICATION.resolve("quarkus-run.jar").toString());
    }

    private static synchronized Path cache() {
        try {
            if (!Files.exists(CACHE) || Files.getLastModifiedTime(CACHE).compareTo(newestJar()) < 0) {
                make();
            }
            return CACHE;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static FileTime newestJar() throws IOException {
        try (Stream<Path> files = Files.walk(APPLICATION)) {
            List<FileTime> times = new ArrayList<>();
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                times.add(Files.getLastModifiedTime(file));
            }
            return times.stream().max(FileTime::compareTo).orElseThrow();
        }
    }

    /** The JVM writes the cache when an agent that it has watched ends. */
    private static void make() throws IOException, InterruptedException {
        Path unfinished = CACHE.resolveSibling("agent.aot.unfinished");
        Files.deleteIfExists(unfinished);
        try (Cluster cluster = Cluster.on(17);
                AgentProcess agent = AgentProcess.start(
                        jar("-XX:AOTCacheOutput=" + unfinished),
                        cluster,
                        cluster.primary("pg-0").port())) {
            agent.awaitAnswer();
            await().atMost(Duration.ofSeconds(30)).until(() -> agent.status("/primary") == 200);
            agent.getText("/metrics");
            agent.order("/v1/promote?dryRun=true", new JsonObject());
            agent.process().destroy();
            if (!agent.process().waitFor(TRAINING.toSeconds(), TimeUnit.SECONDS) || !Files.exists(unfinished)) {
                throw new IllegalStateException("the JVM made no AOT cache: " + agent.log());
            }
        }
        Files.move(unfinished, CACHE, StandardCopyOption.ATOMIC_MOVE);
    }
}
