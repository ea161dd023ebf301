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

/** A folder outside the source tree with PostgreSQL versions and other programs, filled on demand and shared by builds. */
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
        return new BinariesCache(parent.resolve("pgsidecar"));
    }

    /**
     * The folder of a major version's programs, unpacked first where it is missing.
     *
     * @throws BenchException when it cannot be had
     */
    Path folder(int major) {
        Path postgres = existing("postgres");
        return IN_DEBIAN.contains(major)
                ? fromPackages("postgres-binaries", "" + major, postgres)
                : fromJar(major, postgres);
    }

    /**
     * The folder of the programs of a Debian package, unpacked first where it is missing.
     *
     * @throws BenchException when it cannot be had
     */
    Path tools(String debianPackage) {
        return fromPackages("test-tools", debianPackage, existing("tools"));
    }

    private Path existing(String name) {
        try {
            return Files.createDirectories(folder.resolve(name));
        } catch (IOException e) {
            throw new BenchException("filling " + folder + ": " + e, e);
        }
    }

    private static Path fromPackages(String script, String what, Path parent) {
        Path path = Path.of(System.getProperty("basedir", "."), "scripts", script)
                .toAbsolutePath()
                .normalize();
        List<String> command =
                List.of(path.toString(), what, parent.resolve(what).toString());
        return Path.of(Commands.run(parent, TIMEOUT, command).strip());
    }

    private static Path fromJar(int major, Path parent) {
        URL archive = BinariesCache.class.getClassLoader().getResource(JAR_RESOURCE);
        Matcher jar = JAR.matcher(archive == null ? "" : archive.toString());
        if (!jar.matches() || Integer.parseInt(jar.group(2)) != major) {
            throw new BenchException("no jar with PostgreSQL " + major + " on the class path");
        }
        Path target = parent.resolve(jar.group(1));
        Path lock = parent.resolve(jar.group(1) + ".lock");
        // Held by one process at a time, and dropped with it.
        try (FileChannel channel = FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                var _ = channel.lock()) {
            if (!Files.exists(target)) {
                unpack(archive, target);
            }
        } catch (IOException e) {
            throw new BenchException("filling " + target + ": " + e, e);
        }
        return target.resolve("bin");
    }

    /** The target appears by one rename of a finished folder; leftovers of a killed run go first. */
    private static void unpack(URL archive, Path target) throws IOException {
        Path parent = target.getParent();
        Path unfinished = target.resolveSibling(target.getFileName() + ".unfinished");
        run(parent, List.of("rm", "-rf", unfinished.toString()));
        Path tree = Files.createDirectories(unfinished.resolve("tree"));
        Path packed = unfinished.resolve(JAR_RESOURCE);
        try (InputStream in = archive.openStream()) {
            Files.copy(in, packed);
        }
        run(parent, List.of("tar", "-xJf", packed.toString(), "-C", tree.toString(), "--no-same-owner"));
        run(parent, List.of("chmod", "-R", "a+rX", tree.toString()));
        Files.move(tree, target, StandardCopyOption.ATOMIC_MOVE);
        run(parent, List.of("rm", "-rf", unfinished.toString()));
    }

    private static void run(Path folder, List<String> command) {
        Commands.run(folder, TIMEOUT, command);
    }
}
