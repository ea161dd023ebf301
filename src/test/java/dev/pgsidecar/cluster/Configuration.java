package dev.pgsidecar.cluster;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** The configuration files of one data directory: postgresql.conf, what it includes, and pg_hba.conf. */
final class Configuration {
    private static final String INCLUDED = "bench.conf";
    private static final String AUTO = "postgresql.auto.conf";

    /** What a hot standby needs at least as large as its upstream has. */
    private static final Set<String> NOT_SMALLER = Set.of(
            "max_connections",
            "max_worker_processes",
            "max_wal_senders",
            "max_prepared_transactions",
            "max_locks_per_transaction");

    private static final Map<String, String> COMMON = Map.ofEntries(
            Map.entry("listen_addresses", "'127.0.0.1'"),
            Map.entry("max_connections", "60"),
            Map.entry("shared_buffers", "16MB"),
            Map.entry("dynamic_shared_memory_type", "mmap"), // goes with the folder, unlike /dev/shm
            Map.entry("fsync", "off"),
            Map.entry("min_wal_size", "32MB"),
            Map.entry("max_wal_size", "128MB"),
            Map.entry("wal_level", "replica"),
            Map.entry("max_wal_senders", "10"),
            Map.entry("max_replication_slots", "20"),
            Map.entry("hot_standby", "on"),
            Map.entry("wal_retrieve_retry_interval", "500ms"), // not 5 s, for the sake of the tests' time
            Map.entry("autovacuum", "on"),
            Map.entry("log_line_prefix", "'%m [%p] %q%u@%d %a '"),
            Map.entry("lc_messages", "'C'"),
            Map.entry("timezone", "'UTC'"),
            Map.entry("log_timezone", "'UTC'"));

    private static final List<String> ACCESS = List.of(
            "local all         " + Postgres.SUPERUSER + "              trust",
            "local replication " + Postgres.SUPERUSER + "              trust",
            "host  all         " + Postgres.SUPERUSER + " 127.0.0.1/32 trust",
            "host  replication " + Postgres.SUPERUSER + " 127.0.0.1/32 trust",
            "local all         all                       scram-sha-256",
            "host  all         all          127.0.0.1/32 scram-sha-256",
            "host  replication all          127.0.0.1/32 scram-sha-256");

    private final Path dataDirectory;
    private final Map<String, String> extra;

    Configuration(Path dataDirectory, Map<String, String> extra) {
        this.dataDirectory = dataDirectory;
        this.extra = new TreeMap<>(extra);
    }

    /** The extra settings. */
    Map<String, String> extra() {
        return extra;
    }

    /** The same settings in another data directory. */
    Configuration of(Path otherDataDirectory) {
        return new Configuration(otherDataDirectory, extra);
    }

    /** Those of the extra settings that a standby of this server cannot run without. */
    Map<String, String> neededByStandbys() {
        Map<String, String> needed = new TreeMap<>(extra);
        needed.keySet().retainAll(NOT_SMALLER);
        return needed;
    }

    /** Writes postgresql.conf anew, and empties what {@link #append} wrote. */
    void write(String name, int port, Path socketFolder) {
        Map<String, String> settings = new LinkedHashMap<>(new TreeMap<>(COMMON));
        settings.put("cluster_name", "'" + name + "'");
        settings.put("port", Integer.toString(port));
        settings.put("unix_socket_directories", "'" + socketFolder + "'");
        settings.putAll(extra);
        StringBuilder lines = new StringBuilder();
        settings.forEach((key, value) -> lines.append(line(key, value)));
        lines.append("include '").append(INCLUDED).append("'\n");
        replace("postgresql.conf", lines.toString());
        replace(INCLUDED, "");
    }

    /** Writes pg_hba.conf anew: the superuser without a password, everybody else with one. */
    void writeAccess() {
        replace("pg_hba.conf", String.join("\n", ACCESS) + "\n");
    }

    /** Puts a line before all others of pg_hba.conf. */
    void prependAccess(String line) {
        try {
            replace("pg_hba.conf", line + "\n" + Files.readString(dataDirectory.resolve("pg_hba.conf")));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Adds a setting after all others of postgresql.conf. */
    void append(String name, String value) {
        try {
            Files.writeString(dataDirectory.resolve(INCLUDED), line(name, value), StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Drops from postgresql.auto.conf what a base backup brought along of the upstream's own upstream, up to the line
     * that pg_basebackup appended for this standby, if it did.
     */
    void forgetUpstreamOfUpstream(String setting, boolean appended) {
        try {
            List<String> lines = new ArrayList<>(Files.readAllLines(dataDirectory.resolve(AUTO)));
            Optional<String> own = lines.stream()
                    .filter(line -> appended && line.startsWith(setting + " "))
                    .reduce((_, last) -> last);
            lines.removeIf(line -> line.startsWith(setting + " "));
            own.ifPresent(lines::add);
            replace(AUTO, String.join("\n", lines) + "\n");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Makes an empty file, such as standby.signal. */
    void mark(String file) {
        replace(file, "");
    }

    private static String line(String name, String value) {
        return name + " = " + value + "\n";
    }

    private void replace(String file, String content) {
        try {
            Path path = dataDirectory.resolve(file);
            Files.writeString(path, content);
            Account.current().own(path);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
