package dev.pgsidecar.cluster;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * The stopped servers of a cluster: {@link Cluster#from} starts copies of them, which takes a fraction of the time that base
 * backups take. It lasts until the JVM ends.
 */
public final class Snapshot {
    private static final Duration COPY = Duration.ofMinutes(2);

    private final int major;
    private final Path folder;
    private final List<Member> members;

    /**
     * One server.
     *
     * @param port its port, which the primary_conninfo of its standbys names
     * @param settings its extra settings
     * @param standby whether it streams from another member
     */
    record Member(String name, int port, Map<String, String> settings, boolean standby) {}

    private Snapshot(int major, Path folder, List<Member> members) {
        this.major = major;
        this.folder = folder;
        this.members = members;
    }

    /** Keeps copies of these data directories, whose servers are down. */
    static Snapshot of(int major, ClusterFolder cluster, List<Member> members) {
        Path folder = Templates.newFolder();
        members.forEach(member -> copy(cluster.data(member.name()), folder.resolve(member.name())));
        return new Snapshot(major, folder, members);
    }

    int major() {
        return major;
    }

    List<Member> members() {
        return members;
    }

    /** Makes a member's data directory, in which standbys look for their upstream on its new port. */
    void copyTo(Path dataDirectory, Member member, Map<Integer, Integer> newPorts) {
        copy(folder.resolve(member.name()), dataDirectory);
        if (member.standby()) {
            Path auto = dataDirectory.resolve("postgresql.auto.conf");
            try {
                String text = Files.readString(auto);
                for (Map.Entry<Integer, Integer> port : newPorts.entrySet()) {
                    text = text.replace("port=" + port.getKey() + " ", "port=" + port.getValue() + " ");
                }
                Files.writeString(auto, text);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private static void copy(Path from, Path to) {
        Commands.run(
                to.getParent(),
                COPY,
                Account.current().command(List.of("cp", "-a", "--", from.toString(), to.toString())));
    }
}
