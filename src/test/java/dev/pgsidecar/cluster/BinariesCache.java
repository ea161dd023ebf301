package dev.pgsidecar.cluster;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A folder outside the source tree with PostgreSQL versions, filled on demand and shared by builds. */
final class BinariesCache {
    private static final Duration TIMEOUT = Duration.ofMinutes(10);
    private static final Set<Integer> IN_DEBIAN = Set.of(15, 17, 18);
    private static final String JAR_RESOURCE = "postgres-linux-x86_64.txz";
    private static final Pattern JAR = Pattern.compile(".*/([^/]+-(\\d+)\\.[^/]*)\\.jar!/.*");

    private final Path folder;

    private BinariesCache(Path folder) {
        this.folder = folder;
    }

    /** The cache of whoever runs this build. Root's is where the unprivileged account of the servers can read it. */
    static BinariesCache ofThisAccount() {
        String cache = System.getenv().getOrDefault("XDG_CACHE_HOME", "");
        Path parent = Account.isRoot()
                ? Path.of("/var/cache")
                : cache.isBlank() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(cache);
        return new BinariesCache(parent.resolve("pgsidecar/postgres"));
    }

    /**
     * The folder of a major version's programs, unpacked first where it is missing.
     *
     * @throws BenchException when it cannot be had
     */
    Path folder(int major) {
        try {
            Files.createDirectories(folder);
            return IN_DEBIAN.contains(major) ? fromPackages(major) : fromJar(major);
        } catch (IOException e) {
            throw new BenchException("filling " + folder + ": " + e, e);
        }
    }

    private Path fromPackages(int major) {
        Path script = Path.of(System.getProperty("basedir", "."), "scripts", "postgres-binaries")
                .toAbsolutePath()
                .normalize();
        Path target = folder.resolve(Integer.toString(major));
        List<String> command = List.of(script.toString(), Integer.toString(major), target.toString());
        return Path.of(Commands.run(folder, TIMEOUT, command).strip());
    }

    private Path fromJar(int major) throws IOException {
        URL archive = BinariesCache.class.getClassLoader().getResource(JAR_RESOURCE);
        Matcher jar = JAR.matcher(archive == null ? "" : archive.toString());
        if (!jar.matches() || Integer.parseInt(jar.group(2)) != major) {
            throw new BenchException("no jar with PostgreSQL " + major + " on the class path");
        }
        Path target = folder.resolve(jar.group(1));
        Path lock = folder.resolve(jar.group(1) + ".lock");
        // Held by one process at a time, and dropped with it.
        try (FileChannel channel = FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                var _ = channel.lock()) {
            if (!Files.exists(target)) {
                unpack(archive, target);
            }
        }
        return target.resolve("bin");
    }

    /** The target appears by one rename of a finished folder; leftovers of a killed run go first. */
    private void unpack(URL archive, Path target) throws IOException {
        Path unfinished = target.resolveSibling(target.getFileName() + ".unfinished");
        run(List.of("rm", "-rf", unfinished.toString()));
        Path tree = Files.createDirectories(unfinished.resolve("tree"));
        Path packed = unfinished.resolve(JAR_RESOURCE);
        try (InputStream in = archive.openStream()) {
            Files.copy(in, packed);
        }
        run(List.of("tar", "-xJf", packed.toString(), "-C", tree.toString(), "--no-same-owner"));
        run(List.of("chmod", "-R", "a+rX", tree.toString()));
        Files.move(tree, target, StandardCopyOption.ATOMIC_MOVE);
        run(List.of("rm", "-rf", unfinished.toString()));
    }

    private void run(List<String> command) {
        Commands.run(folder, TIMEOUT, command);
    }
}
