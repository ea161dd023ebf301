package dev.pgsidecar.cluster;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;

/**
 * The processes of one server. Which postmaster is the running one is read from postmaster.pid, so this also holds for
 * a server that something else than the bench started.
 */
final class ServerProcess {
    private static final Duration TIMEOUT = Duration.ofSeconds(60);
    private static final int LOG_TAIL = 4_000;
    private static final String RELOADING = "received SIGHUP, reloading configuration files";
    private static final List<String> COMPLAINTS = List.of(
            "invalid value for parameter",
            "is outside the valid range for parameter",
            "unrecognized configuration parameter",
            "syntax error in file",
            "pg_hba.conf was not reloaded");

    private final PostgresBinaries binaries;
    private final Path dataDirectory;
    private final Path logFile;
    private Process started;
    private long logStart;

    ServerProcess(PostgresBinaries binaries, Path dataDirectory, Path logFile) {
        this.binaries = binaries;
        this.dataDirectory = dataDirectory;
        this.logFile = logFile;
    }

    /** Starts a postmaster. */
    void start() {
        if (isRunning()) {
            throw new IllegalStateException("the server in " + dataDirectory + " runs already");
        }
        List<String> server = List.of("setsid", binaries.program("postgres"), "-D", dataDirectory.toString());
        ProcessBuilder builder = new ProcessBuilder(Account.current().command(server));
        builder.directory(dataDirectory.toFile()).redirectErrorStream(true);
        builder.redirectInput(Path.of("/dev/null").toFile());
        builder.redirectOutput(ProcessBuilder.Redirect.appendTo(logFile.toFile()));
        Commands.prepare(builder);
        try {
            logStart = Files.exists(logFile) ? Files.size(logFile) : 0;
            started = builder.start();
        } catch (IOException e) {
            throw new BenchException("the server in " + dataDirectory + " does not start", e);
        }
    }

    /**
     * Waits until the started postmaster accepts connections; without hot standby, until it runs recovery.
     *
     * @return false when it ended because its port is taken
     * @throws BenchException when it ended otherwise, or after 60 s, with the end of its log
     */
    boolean awaitReady() {
        Await.until(TIMEOUT, () -> !started.isAlive() || isReady(), () -> "start of the server\n" + logTail());
        if (started.isAlive()) {
            return true;
        }
        if (log().substring(Math.toIntExact(logStart)).contains("Address already in use")) {
            return false;
        }
        throw new BenchException("the server ended instead of starting: status " + started.exitValue() + logTail());
    }

    /** Asks the postmaster to shut down and waits for its end. */
    void stop(StopMode mode) {
        OptionalLong pid = postmaster();
        if (pid.isPresent()) {
            Processes.signal(mode.signal(), List.of(pid.getAsLong()));
            Await.until(
                    TIMEOUT,
                    () -> !Processes.alive(pid.getAsLong()),
                    () -> mode + " shutdown of the server in " + dataDirectory + logTail());
        }
    }

    /**
     * Makes the postmaster read its files again. It does nothing else meanwhile: once it has logged that it begins and
     * lets a new session in, it is through.
     *
     * @param session opens a session, or tries to
     * @throws BenchException when the log has complaints about the files
     */
    void reload(Runnable session) {
        int before = log().length();
        Processes.signal("HUP", List.of(pid()));
        Await.until(
                TIMEOUT,
                () -> log().indexOf(RELOADING, before) >= 0,
                () -> "reload of the server in " + dataDirectory + logTail());
        session.run();
        List<String> complaints = log().substring(before)
                .lines()
                .filter(line -> COMPLAINTS.stream().anyMatch(line::contains))
                .toList();
        if (!complaints.isEmpty()) {
            throw new BenchException("the server in " + dataDirectory + " refuses its configuration: " + complaints);
        }
    }

    Set<Long> hang() {
        return Processes.stopTree(pid());
    }

    void hangPostmaster() {
        Processes.stop(pid());
    }

    void resume() {
        Processes.continueTree(pid());
    }

    void kill() {
        Processes.killTree(pid());
    }

    boolean isRunning() {
        // Java notices an end a little later than the kernel.
        boolean lives = started != null && started.isAlive() && Processes.alive(started.pid());
        return lives || postmaster().isPresent();
    }

    /** The postmaster's process id; an error when the server is down. */
    long pid() {
        return postmaster()
                .orElseThrow(() -> new IllegalStateException("the server in " + dataDirectory + " does not run"));
    }

    /** All the server has logged; empty before its first start. */
    String log() {
        try {
            return Files.exists(logFile) ? Files.readString(logFile, StandardCharsets.ISO_8859_1) : "";
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private OptionalLong postmaster() {
        List<String> lines = pidFile();
        if (!lines.isEmpty()) {
            long pid = Long.parseLong(lines.getFirst().strip());
            if (Processes.alive(pid) && Processes.commandLine(pid).contains(dataDirectory.toString())) {
                return OptionalLong.of(pid);
            }
        }
        return OptionalLong.empty();
    }

    private boolean isReady() {
        List<String> lines = pidFile();
        return lines.size() >= 8
                && lines.getFirst().strip().equals(Long.toString(started.pid()))
                && Set.of("ready", "standby").contains(lines.get(7).strip());
    }

    /** The lines of postmaster.pid: the id comes first, the state is the eighth. */
    private List<String> pidFile() {
        try {
            return Files.readAllLines(dataDirectory.resolve("postmaster.pid"));
        } catch (NoSuchFileException e) {
            return List.of();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private String logTail() {
        String log = log();
        return "\n" + logFile + ":\n" + log.substring(Math.max(0, log.length() - LOG_TAIL));
    }
}
