package dev.pgsidecar.docs;

import dev.pgsidecar.cluster.PostgresBinaries;
import dev.pgsidecar.cluster.TestTools;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Hosts on which a page's commands are run as its reader would run them: root, with nothing of this machine's that a command
 * could change. Each has network, name and files of its own, see src/test/resources/stage. It needs root, and Linux that lets
 * root make namespaces and overlays; all of it is gone when it is closed, or when this JVM ends.
 */
final class Stage implements AutoCloseable {

    /** What a page finds before its first command. */
    enum Set {
        /** A host, pg-0, with PostgreSQL's programs and pgsidecar's; no server runs. */
        HOST,
        /** A server with databases pgsidecar and app, which has the partition set public.orders; nothing of ours in it. */
        SERVER,
        /** The same with our rights, and its agent as a service with the token in ~/pgsidecar.token. */
        AGENT,
        /** A primary pg-0, standbys pg-1 and pg-2, an agent beside each that knows the others. */
        TRIO
    }

    private static final List<String> NAMESPACES =
            List.of("unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc");
    private static final Path SCRIPTS = Path.of("src/test/resources/stage").toAbsolutePath();
    private static final Duration TO_FURNISH = Duration.ofMinutes(3);

    /** What the hosts need beside what every Debian has. */
    private static final List<String> TOOLS =
            List.of("curl", "haproxy", "ip", "jq", "openssl", "systemd-sysusers", "systemd-tmpfiles");

    /** Says why there can be no stage on this machine. */
    static final class Possible implements Supplier<Optional<String>> {
        private static final Optional<String> IMPOSSIBLE = tried();

        @Override
        public Optional<String> get() {
            return IMPOSSIBLE;
        }
    }

    private final Process process;
    private final Path folder;
    private final Map<String, Terminal> terminals = new HashMap<>();

    private Stage(Process process, Path folder) {
        this.process = process;
        this.folder = folder;
    }

    /** Sets a stage up; the folder has to be empty. */
    static Stage open(Path folder, Set set) {
        List<String> hosts = set == Set.TRIO ? List.of("pg-0", "pg-1", "pg-2") : List.of("pg-0");
        List<String> command = new ArrayList<>(NAMESPACES);
        command.addAll(List.of("bash", SCRIPTS.resolve("stage").toString(), folder.toString()));
        command.addAll(hosts);
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.redirectOutput(folder.resolve("stage.log").toFile());
        String executable = System.getProperty("pgsidecar.test.executable", "");
        builder.environment()
                .putAll(Map.of(
                        "STAGE_POSTGRES", PostgresBinaries.of(17).folder().toString(),
                        "STAGE_PROGRAM",
                                executable.isEmpty()
                                        ? Path.of("target/quarkus-app")
                                                .toAbsolutePath()
                                                .toString()
                                        : executable,
                        "STAGE_SOURCES", Path.of("").toAbsolutePath().toString(),
                        "STAGE_TOOLS",
                                String.join(" ", tools().map(Path::toString).toList()),
                        "PATH", path(),
                        "JAVA_HOME", System.getProperty("java.home")));
        try {
            Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxrwxrwx")); // also for other users
            Stage stage = new Stage(builder.start(), folder);
            try {
                for (String host : hosts) {
                    stage.awaitHost(host);
                }
                stage.furnish(set);
                return stage;
            } catch (RuntimeException | Error e) {
                stage.close();
                throw e;
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void furnish(Set set) {
        switch (set) {
            case HOST -> {}
            case SERVER -> furnish("pg-0", "server");
            case AGENT -> {
                furnish("pg-0", "primary");
                furnish("pg-0", "agent");
                furnish("pg-0", "settled");
            }
            case TRIO -> {
                furnish("pg-0", "primary");
                atOnce(Map.of("pg-1", "standby pg-0", "pg-2", "standby pg-0"));
                atOnce(Map.of("pg-0", "agent pg-1 pg-2", "pg-1", "agent pg-0 pg-2", "pg-2", "agent pg-0 pg-1"));
                settle();
            }
        }
    }

    /** Waits until the agents of a trio know their servers and each other. */
    void settle() {
        furnish("pg-0", "settled pg-1 pg-2");
    }

    private void atOnce(Map<String, String> howByHost) {
        howByHost.keySet().forEach(this::terminal);
        List<CompletableFuture<Void>> all = howByHost.entrySet().stream()
                .map(each -> CompletableFuture.runAsync(() -> furnish(each.getKey(), each.getValue())))
                .toList();
        all.forEach(CompletableFuture::join);
    }

    private void furnish(String host, String how) {
        Terminal.Ended ended = terminal(host).type("src/test/resources/stage/furnish " + how, TO_FURNISH);
        if (!ended.failures().isEmpty()) {
            throw new AssertionError("furnish %s on %s: %s".formatted(how, host, ended.output()));
        }
    }

    /** The terminal of root, or of a system user ("pg-1 as postgres"), on a host; the same for the whole page. */
    Terminal terminal(String where) {
        return terminals.computeIfAbsent(where, this::open);
    }

    /** From now on commands are typed into terminals that nothing was typed into before. */
    void newTerminals() {
        terminals.values().forEach(Terminal::close);
        terminals.clear();
    }

    /** One more of the same, for what does not end. */
    Terminal anotherTerminal(String where) {
        return open(where);
    }

    private Terminal open(String where) {
        String[] hostAndUser = where.split(" as ");
        String user = hostAndUser.length == 1 ? "root" : hostAndUser[1];
        try {
            long first = process.children().findFirst().orElseThrow().pid();
            String host =
                    Files.readString(folder.resolve(hostAndUser[0] + ".pid")).strip();
            List<String> command = new ArrayList<>(
                    List.of("nsenter", "--target=" + first, "--mount", "--net", "--uts", "--ipc", "--pid", "--"));
            command.addAll(List.of("nsenter", "--target=" + host, "--mount", "--net", "--uts", "--"));
            command.addAll(List.of("setsid", "env", "-i", "HOME=/root", "LC_ALL=C.UTF-8", "TZ=UTC", "TERM=dumb"));
            command.addAll(List.of("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
            command.add("JAVA_HOME=" + System.getProperty("java.home"));
            if (!user.equals("root")) {
                command.addAll(List.of("runuser", "-u", user, "--", "env", "HOME=/var/lib/postgresql"));
            }
            command.addAll(List.of("bash", "/root/pgsidecar/src/test/resources/stage/reader"));
            return new Terminal(
                    where,
                    folder,
                    new ProcessBuilder(command).redirectErrorStream(true).start());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void awaitHost(String host) throws IOException {
        long deadline = System.nanoTime() + TO_FURNISH.toNanos();
        while (!Files.exists(folder.resolve(host + ".ready")) || !Files.exists(folder.resolve(host + ".pid"))) {
            if (!process.isAlive() || System.nanoTime() > deadline) {
                throw new AssertionError("no stage: " + log("stage") + log(host));
            }
            sleep();
        }
    }

    private String log(String name) throws IOException {
        Path log = folder.resolve(name + ".log");
        return Files.exists(log) ? Files.readString(log) : "";
    }

    static void sleep() {
        try {
            Thread.sleep(20);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Stream<Path> tools() {
        return TOOLS.stream().map(TestTools::program);
    }

    /** The PATH of this machine, with the tools behind it. */
    private static String path() {
        return Stream.concat(Stream.of(System.getenv("PATH")), tools().map(tool -> tool.getParent()
                        .toString()))
                .distinct()
                .collect(Collectors.joining(":"));
    }

    private static Optional<String> tried() {
        if (!System.getProperty("user.name").equals("root")) {
            return Optional.of("the tests do not run as root, who can make namespaces");
        }
        try {
            Path folder = Files.createTempDirectory("pgsidecar-stage");
            List<String> command = new ArrayList<>(NAMESPACES);
            command.addAll(List.of("bash", SCRIPTS.resolve("probe").toString(), folder.toString()));
            ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
            builder.environment().put("PATH", path());
            Process process = builder.start();
            String said = new String(process.getInputStream().readAllBytes()).strip();
            boolean possible = process.waitFor() == 0;
            Files.delete(folder);
            return possible ? Optional.empty() : Optional.of("no stage can be set up here: " + said);
        } catch (IOException e) {
            return Optional.of("no stage can be set up here: " + e.getMessage());
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Ends everything on it. */
    @Override
    public void close() {
        try {
            process.getOutputStream().close();
            if (!process.waitFor(20, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
