package dev.pgsidecar.cluster;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.LongPredicate;

/** Processes of this machine, looked at through {@code /proc}. */
final class Processes {
    private static final Duration TIMEOUT = Duration.ofSeconds(20);

    private Processes() {}

    /** Whether a process with this id runs or is stopped; not when it ended and its parent has yet to notice. */
    static boolean alive(long pid) {
        char state = state(pid);
        return state != 'Z' && state != 'X';
    }

    /** The process and everything it started, directly or not. */
    static Set<Long> tree(long pid) {
        Set<Long> tree = new TreeSet<>();
        tree.add(pid);
        ProcessHandle.of(pid).ifPresent(root -> root.descendants().forEach(child -> tree.add(child.pid())));
        return tree;
    }

    /** The arguments it was started with, joined by spaces; empty when there is no such process. */
    static String commandLine(long pid) {
        return read(pid, "cmdline").map(line -> line.replace('\0', ' ')).orElse("");
    }

    /** Stops a process and returns when it is stopped. */
    static void stop(long pid) {
        signal("STOP", List.of(pid));
        awaitStopped(Set.of(pid));
    }

    /** Stops a whole tree, also what it starts meanwhile; returns its processes when all are stopped. */
    static Set<Long> stopTree(long root) {
        stop(root);
        Set<Long> stopped = new TreeSet<>(Set.of(root));
        for (Set<Long> tree = tree(root); !stopped.containsAll(tree); tree = tree(root)) {
            signal("STOP", tree);
            awaitStopped(tree);
            stopped.addAll(tree);
        }
        return stopped;
    }

    /** Lets a stopped tree go on. */
    static void continueTree(long root) {
        Set<Long> tree = tree(root);
        signal("CONT", tree);
        awaitGone("T", tree, pid -> state(pid) != 'T');
    }

    /** Kills a whole tree and returns when none of it is left. */
    static void killTree(long root) {
        Set<Long> tree = stopTree(root);
        signal("KILL", tree);
        awaitGone("alive", tree, pid -> !alive(pid));
    }

    /** Sends a signal to those of the processes that still run. */
    static void signal(String name, Collection<Long> pids) {
        List<String> command = new ArrayList<>(List.of(
                "bash",
                "-c",
                "for pid; do kill -\"$0\" \"$pid\" || [[ ! -e /proc/$pid ]] || exit 1; done 2>/dev/null",
                name));
        pids.forEach(pid -> command.add(Long.toString(pid)));
        Commands.run(Path.of("/"), TIMEOUT, command);
    }

    private static void awaitStopped(Set<Long> pids) {
        awaitGone("not stopped", pids, pid -> state(pid) == 'T' || !alive(pid));
    }

    private static void awaitGone(String what, Set<Long> pids, LongPredicate done) {
        Await.until(
                TIMEOUT,
                () -> pids.stream().allMatch(done::test),
                () -> "process " + pids.stream().filter(pid -> !done.test(pid)).toList() + " is still " + what);
    }

    /** The one-letter state of proc(5); X when there is no such process. */
    private static char state(long pid) {
        return read(pid, "stat")
                .map(stat -> stat.charAt(stat.lastIndexOf(')') + 2))
                .orElse('X');
    }

    private static Optional<String> read(long pid, String file) {
        try {
            byte[] bytes = Files.readAllBytes(Path.of("/proc", Long.toString(pid), file));
            return Optional.of(new String(bytes, StandardCharsets.UTF_8));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (IOException e) {
            // ESRCH: it ended between open and read
            if (ProcessHandle.of(pid).isEmpty()) {
                return Optional.empty();
            }
            throw new BenchException("reading /proc/" + pid + "/" + file, e);
        }
    }
}
