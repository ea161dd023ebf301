package dev.pgsidecar.cluster;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * Programs beside PostgreSQL's that tests run: those of this machine, else unpacked from Debian's packages into the cache that
 * PostgreSQL is in. Nothing is installed.
 */
public final class TestTools {

    private static final Map<String, String> PACKAGES = Map.ofEntries(
            Map.entry("curl", "curl"),
            Map.entry("haproxy", "haproxy"),
            Map.entry("ip", "iproute2"),
            Map.entry("jq", "jq"),
            Map.entry("openssl", "openssl"),
            Map.entry("pgbouncer", "pgbouncer"),
            Map.entry("prometheus", "prometheus"),
            Map.entry("promtool", "prometheus"),
            Map.entry("systemd-analyze", "systemd"),
            Map.entry("systemd-sysusers", "systemd"),
            Map.entry("systemd-tmpfiles", "systemd"));

    /** Where Debian has programs that are not on the PATH of an ordinary user. */
    private static final String FOR_ROOT = "/usr/local/sbin:/usr/sbin:/sbin";

    private static final Map<String, Path> FOUND = new ConcurrentHashMap<>();

    private TestTools() {}

    /**
     * The path of a program; the first call for one that is not on this machine downloads and unpacks it.
     *
     * @throws BenchException when it cannot be had; says what to install
     */
    public static Path program(String name) {
        return FOUND.computeIfAbsent(name, TestTools::find);
    }

    /** The path of a program of this machine. */
    public static Optional<Path> installed(String name) {
        String folders = System.getenv().getOrDefault("PATH", "") + ":" + FOR_ROOT;
        return Stream.of(folders.split(":"))
                .map(folder -> Path.of(folder, name))
                .filter(Files::isExecutable)
                .findFirst();
    }

    private static Path find(String name) {
        return installed(name).orElseGet(() -> unpacked(name));
    }

    private static Path unpacked(String name) {
        String debianPackage = PACKAGES.get(name);
        if (debianPackage == null) {
            throw new BenchException("no %1$s on the PATH; install it".formatted(name));
        }
        try {
            return BinariesCache.ofThisAccount().tools(debianPackage).resolve(name);
        } catch (BenchException e) {
            throw new BenchException(
                    "no %s on the PATH; install it. It could not be unpacked either: %s"
                            .formatted(name, e.getMessage()),
                    e);
        }
    }
}
