package dev.pgsidecar.cluster;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * PostgreSQL servers of one major version in one temporary folder. Closing it ends every process whose working folder
 * is inside, servers or not, and removes the folder; so does the end of the JVM, however it ends.
 *
 * <p>Settings are written as in postgresql.conf, with quotes where needed. A standby starts with the pg_hba.conf of its
 * upstream and what was set there with ALTER SYSTEM, as they came with the base backup, but not with the upstream's
 * extra settings, save those that a hot standby needs as large as its primary has them (max_connections and the like).
 *
 * <p>Not for several threads at once. Problems are {@link BenchException}s.
 */
public final class Cluster implements AutoCloseable {
    private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9-]{0,39}");
    private static final Duration COPY = Duration.ofMinutes(2);
    private static final Duration REPLAY = Duration.ofSeconds(30);
    private static final int PORT_ATTEMPTS = 5;

    private final PostgresBinaries binaries;
    private final Guardian guardian;
    private final ClusterFolder folder;
    private final boolean ownSystemIdentifier;
    private final Map<String, Postgres> servers = new LinkedHashMap<>();

    private Cluster(int major, boolean ownSystemIdentifier) {
        this.binaries = PostgresBinaries.of(major);
        this.guardian = Guardian.start();
        this.folder = ClusterFolder.in(guardian.folder());
        this.ownSystemIdentifier = ownSystemIdentifier;
    }

    /** An empty cluster. Primaries of all clusters of a JVM's run and major version share their system identifier. */
    public static Cluster on(int major) {
        return new Cluster(major, false);
    }

    /** An empty cluster whose primaries have system identifiers of their own; making a primary takes a second more. */
    public static Cluster withOwnSystemIdentifier(int major) {
        return new Cluster(major, true);
    }

    /**
     * A cluster whose servers are copies of a snapshot's, with the same names and settings and new ports. Returns when all
     * accept connections and every standby streams.
     */
    public static Cluster from(Snapshot snapshot) {
        for (int attempt = 0; attempt < PORT_ATTEMPTS; attempt++) {
            Cluster cluster = new Cluster(snapshot.major(), false);
            try {
                if (cluster.restore(snapshot)) {
                    return cluster;
                }
            } catch (RuntimeException e) {
                cluster.close();
                throw e;
            }
            cluster.close();
        }
        throw portsAreTaken("the servers of a snapshot");
    }

    private boolean restore(Snapshot snapshot) {
        Map<Integer, Integer> newPorts = new HashMap<>();
        snapshot.members().forEach(member -> newPorts.put(member.port(), Ports.free()));
        for (Snapshot.Member member : snapshot.members()) {
            Path data = newDataDirectory(member.name());
            snapshot.copyTo(data, member, newPorts);
            Configuration configuration = new Configuration(data, member.settings());
            int port = newPorts.get(member.port());
            configuration.write(member.name(), port, folder.sockets());
            Postgres server = new Postgres(member.name(), port, binaries, folder, configuration);
            servers.put(member.name(), server);
            server.startWithoutWaiting();
        }
        if (!servers.values().stream().allMatch(Postgres::awaitReady)) {
            return false;
        }
        snapshot.members().stream().filter(Snapshot.Member::standby).forEach(member -> {
            Postgres standby = server(member.name());
            Await.until(REPLAY, () -> streams(standby), () -> standby + " streams");
        });
        return true;
    }

    private static boolean streams(Postgres standby) {
        return standby.query("SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'")
                .equals("1");
    }

    /** Stops all servers and keeps copies of them. */
    public Snapshot snapshot() {
        servers.values().forEach(Postgres::stop);
        return Snapshot.of(
                binaries.major(),
                folder,
                servers.values().stream().map(Postgres::member).toList());
    }

    /** The server of this name. */
    public Postgres server(String name) {
        return servers.get(name);
    }

    /** As {@link #primary(String, Map)}, without extra settings. */
    public Postgres primary(String name) {
        return primary(name, Map.of());
    }

    /**
     * A new primary with an empty database; returns when it accepts connections.
     *
     * @param name lower-case letters, digits and hyphens
     * @param settings extra settings
     */
    public Postgres primary(String name, Map<String, String> settings) {
        Path data = newDataDirectory(name);
        if (ownSystemIdentifier) {
            Templates.initdb(data, binaries);
        } else {
            Templates.copyTo(data, binaries);
        }
        Configuration configuration = new Configuration(data, settings);
        configuration.writeAccess();
        return start(name, configuration);
    }

    /** As {@link #standby(String, Postgres, Standby, Map)}, without slot and extra settings. */
    public Postgres standby(String name, Postgres upstream) {
        return standby(name, upstream, Standby.WITHOUT_SLOT, Map.of());
    }

    /** As {@link #standby(String, Postgres, Standby, Map)}, without extra settings. */
    public Postgres standby(String name, Postgres upstream, Standby slot) {
        return standby(name, upstream, slot, Map.of());
    }

    /**
     * A new streaming standby, made by {@code pg_basebackup --write-recovery-conf}: its primary_conninfo names the
     * upstream and, as application_name, the standby. Returns when it accepts connections.
     *
     * @param upstream a primary, or a standby for cascading replication
     * @param settings extra settings
     * @throws UnsupportedOperationException when this version's programs lack pg_basebackup
     */
    public Postgres standby(String name, Postgres upstream, Standby slot, Map<String, String> settings) {
        List<String> options = new ArrayList<>(List.of("--write-recovery-conf"));
        if (slot == Standby.WITH_SLOT) {
            options.addAll(List.of("--create-slot", "--slot=" + name.replace('-', '_')));
        }
        Configuration configuration = baseBackup(name, upstream, settings, options);
        configuration.forgetUpstreamOfUpstream("primary_conninfo", true);
        configuration.forgetUpstreamOfUpstream("primary_slot_name", slot == Standby.WITH_SLOT);
        return start(name, configuration);
    }

    /** As {@link #archiveStandby(String, Postgres, Map)}, without extra settings. */
    public Postgres archiveStandby(String name, Postgres upstream) {
        return archiveStandby(name, upstream, Map.of());
    }

    /**
     * A new standby that restores WAL from the cluster's archive and never streams (no primary_conninfo). Whole
     * segments arrive: pg_switch_wal() on the primary, which needs {@link #archiveSettings()}, ends one. Returns when
     * it accepts connections.
     *
     * @throws UnsupportedOperationException when this version's programs lack pg_basebackup
     */
    public Postgres archiveStandby(String name, Postgres upstream, Map<String, String> settings) {
        Map<String, String> all = new TreeMap<>(settings);
        all.putIfAbsent("restore_command", "'cp " + folder.archive() + "/%f %p'");
        Configuration configuration = baseBackup(name, upstream, all, List.of());
        configuration.forgetUpstreamOfUpstream("primary_conninfo", false);
        configuration.forgetUpstreamOfUpstream("primary_slot_name", false);
        configuration.mark("standby.signal");
        return start(name, configuration);
    }

    /**
     * A server on a copy of the data directory of a server that is down, with a port of its own. A standby keeps the
     * upstream of the original. Returns when it accepts connections.
     *
     * @param original a server of this cluster
     */
    public Postgres copy(String name, Postgres original) {
        if (original.isRunning()) {
            throw new IllegalStateException(original + " runs: its data directory cannot be copied");
        }
        Path data = newDataDirectory(name);
        command(List.of("cp", "-a", "--", original.dataDirectory().toString(), data.toString()));
        return start(name, original.configuration().of(data));
    }

    /** Kills a server, and removes its data directory: its name is free again. */
    public void remove(Postgres server) {
        if (server.isRunning()) {
            server.kill();
        }
        command(List.of("rm", "-rf", "--", server.dataDirectory().toString()));
    }

    private void command(List<String> command) {
        Commands.run(folder.root(), COPY, Account.current().command(command));
    }

    /** The settings with which a primary archives its WAL into the cluster's folder. */
    public Map<String, String> archiveSettings() {
        String file = folder.archive() + "/%f";
        return Map.of(
                "archive_mode",
                "on",
                "archive_command",
                "'cp %p " + file + ".part && mv " + file + ".part " + file + "'");
    }

    /**
     * Waits until a standby, cascading or not, has replayed what has been written on a server so far.
     *
     * @throws BenchException after 30 s, with both positions
     */
    public void awaitReplay(Postgres primary, Postgres standby) {
        awaitReplay(primary, standby, Postgres.DATABASE);
    }

    /** The same, asked in a database whose sessions nothing ends meanwhile. */
    public void awaitReplay(Postgres primary, Postgres standby, String database) {
        Replay.await(primary, standby, database, REPLAY);
    }

    /** A TCP port of 127.0.0.1 that nobody listens on, outside the range of outgoing connections. */
    public int freePort() {
        return Ports.free();
    }

    /** The cluster's folder, owned by {@link Account#current()}; a process that works in it ends with the cluster. */
    public Path folder() {
        return folder.root();
    }

    /** The server programs. */
    public PostgresBinaries binaries() {
        return binaries;
    }

    /** Ends all its processes, also hanging ones, and removes its folder; does nothing the second time. */
    @Override
    public void close() {
        guardian.close();
    }

    private Configuration baseBackup(
            String name, Postgres upstream, Map<String, String> settings, List<String> options) {
        if (!binaries.has("pg_basebackup")) {
            throw new UnsupportedOperationException(
                    "no standby of PostgreSQL " + binaries.major() + ": " + binaries.folder() + " lacks pg_basebackup");
        }
        Path data = newDataDirectory(name);
        List<String> command = new ArrayList<>(List.of(
                binaries.program("pg_basebackup"),
                "--pgdata=" + data,
                "--dbname=host=" + upstream.host() + " port=" + upstream.port() + " user=" + Postgres.SUPERUSER
                        + " application_name=" + name,
                "--checkpoint=fast",
                "--wal-method=stream",
                "--no-sync",
                "--no-password"));
        command.addAll(options);
        Commands.run(data.getParent(), COPY, Account.current().command(command));
        Map<String, String> all = new TreeMap<>(upstream.neededByStandbys());
        all.putAll(settings);
        return new Configuration(data, all);
    }

    private Path newDataDirectory(String name) {
        if (!NAME.matcher(name).matches()) {
            throw new IllegalArgumentException("a server's name consists of a-z, 0-9 and -: " + name);
        }
        Path data = folder.data(name);
        if (Files.exists(data)) {
            throw new IllegalArgumentException("the cluster has a server " + name + " already");
        }
        return data;
    }

    private Postgres start(String name, Configuration configuration) {
        for (int attempt = 0; attempt < PORT_ATTEMPTS; attempt++) {
            int port = Ports.free();
            configuration.write(name, port, folder.sockets());
            Postgres server = new Postgres(name, port, binaries, folder, configuration);
            if (server.tryStart()) {
                servers.put(name, server);
                return server;
            }
        }
        throw portsAreTaken(name);
    }

    private static BenchException portsAreTaken(String name) {
        return new BenchException("others took " + PORT_ATTEMPTS + " ports before " + name + " could listen on them");
    }
}
