package dev.pgsidecar.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.suite.Repeated;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Nothing of a cluster is left, however its JVM ends. */
class GuardianIT {

    /** What the other JVM runs: a cluster with a server that works and one that hangs, until it is killed. */
    static final class OtherJvm {
        private OtherJvm() {}

        @SuppressWarnings("resource") // the point is that nobody closes it
        public static void main(String[] arguments) throws InterruptedException {
            Cluster cluster = Cluster.on(17);
            Postgres primary = cluster.primary("pg-0");
            Postgres standby = cluster.standby("pg-1", primary);
            standby.hang();
            System.out.println(cluster.folder());
            Thread.sleep(Long.MAX_VALUE);
        }
    }

    @Test
    void nothingIsLeftOfAKilledJvm() throws Exception {
        Process other = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-D" + PostgresBinaries.PROPERTY + "=" + System.getProperty(PostgresBinaries.PROPERTY, ""),
                        "-cp",
                        System.getProperty("java.class.path"),
                        OtherJvm.class.getName())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try {
            String line = other.inputReader().readLine();
            assertThat(line).as("the folder the other JVM prints").contains("/pgs-");
            Path folder = Path.of(line);
            Set<Long> inside = inside(folder);
            // Two postmasters, each with its checkpointer, background writer and more.
            assertThat(inside).hasSizeGreaterThan(8);
            Set<Long> guardians = guardiansOf(other);
            assertThat(guardians).as("of the cluster and of the templates").hasSize(2);

            other.destroyForcibly().waitFor();

            await().untilAsserted(() -> {
                assertThat(guardians).noneMatch(Processes::alive);
                assertThat(inside).noneMatch(Processes::alive);
                assertThat(inside(folder)).isEmpty();
                assertThat(Files.exists(folder)).isFalse();
            });
        } finally {
            other.destroyForcibly().waitFor();
        }
    }

    @Repeated(10) // A killed process looks alive for a moment, or not.
    void closesAlsoWhenTheGuardianItselfWasKilled() {
        Guardian guardian = Guardian.start();
        Path folder = guardian.folder();
        Processes.killTree(guardian.pid());
        guardian.close();
        assertThat(Files.exists(folder)).isFalse();
    }

    @Test
    void endsWhateverWorksInTheFolder() throws Exception {
        Guardian guardian = Guardian.start();
        Process sleeper = new ProcessBuilder("sleep", "600")
                .directory(guardian.folder().toFile())
                .start();
        Process bystander = new ProcessBuilder("sleep", "600").start();
        try {
            assertThat(inside(guardian.folder())).containsExactly(sleeper.pid());
            guardian.close();
            assertThat(sleeper.waitFor()).isEqualTo(128 + 9);
            assertThat(bystander.isAlive()).isTrue();
            assertThat(Files.exists(guardian.folder())).isFalse();
        } finally {
            bystander.destroyForcibly().waitFor();
            sleeper.destroyForcibly().waitFor();
        }
    }

    private static Set<Long> guardiansOf(Process jvm) {
        return jvm.children()
                .filter(child -> Processes.commandLine(child.pid()).contains("pgsidecar-test-guardian"))
                .map(ProcessHandle::pid)
                .collect(Collectors.toSet());
    }

    /** The processes whose working folder is a folder or lies in it; looked up without the guardian's own means. */
    private static Set<Long> inside(Path folder) {
        return pids().filter(pid -> workingFolder(pid).startsWith(folder))
                .boxed()
                .collect(Collectors.toSet());
    }

    private static LongStream pids() {
        String[] names = Path.of("/proc").toFile().list((_, name) -> name.matches("[0-9]+"));
        return Arrays.stream(names).mapToLong(Long::parseLong);
    }

    /** The root folder for a process that has ended, or that this account may not look at. */
    private static Path workingFolder(long pid) {
        try {
            return Files.readSymbolicLink(Path.of("/proc", Long.toString(pid), "cwd"));
        } catch (IOException _) {
            return Path.of("/"); // a process that is ending has none for a moment before it looks ended
        }
    }
}
