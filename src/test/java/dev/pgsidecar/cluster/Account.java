package dev.pgsidecar.cluster;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * The operating system account that servers run as. PostgreSQL refuses to run as root; a build that runs as root
 * therefore starts servers as {@code postgres}, or as {@code nobody} where there is no {@code postgres}.
 */
public final class Account {
    private static final Account CURRENT = find();

    private final String name;
    private final int uid;
    private final int gid;
    private final boolean switched;

    private Account(String name, int uid, int gid, boolean switched) {
        this.name = name;
        this.uid = uid;
        this.gid = gid;
        this.switched = switched;
    }

    /** The account for servers on this machine; the same throughout the JVM's run. */
    public static Account current() {
        return CURRENT;
    }

    /** Its name, as in {@code ps}. */
    public String name() {
        return name;
    }

    /** The command that runs the given one as this account; the process keeps its id. */
    public List<String> command(List<String> command) {
        List<String> whole = new ArrayList<>(prefix());
        whole.addAll(command);
        return whole;
    }

    /** What to put before a command; empty when this JVM runs as the account already. */
    List<String> prefix() {
        return switched
                ? List.of("setpriv", "--reuid=" + uid, "--regid=" + gid, "--clear-groups", "--inh-caps=-all", "--")
                : List.of();
    }

    /** Makes the account the owner of a file or folder (not of what is in the folder). */
    void own(Path path) {
        if (!switched) {
            return;
        }
        try {
            Files.setAttribute(path, "unix:uid", uid);
            Files.setAttribute(path, "unix:gid", gid);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Whether this JVM runs as root. */
    static boolean isRoot() {
        try {
            return Integer.valueOf(0).equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Account find() {
        if (!isRoot()) {
            return new Account(System.getProperty("user.name"), -1, -1, false);
        }
        return Stream.of("postgres", "nobody")
                .flatMap(wanted -> passwd().filter(fields -> fields[0].equals(wanted)))
                .map(fields -> new Account(fields[0], Integer.parseInt(fields[2]), Integer.parseInt(fields[3]), true))
                .findFirst()
                .orElseThrow(() -> new BenchException(
                        "running as root, and neither 'postgres' nor 'nobody' is in /etc/passwd to run servers as"));
    }

    private static Stream<String[]> passwd() {
        try {
            return Files.readAllLines(Path.of("/etc/passwd")).stream()
                    .map(line -> line.split(":", -1))
                    .filter(fields -> fields.length >= 4);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
