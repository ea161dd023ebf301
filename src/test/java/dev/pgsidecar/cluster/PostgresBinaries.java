package dev.pgsidecar.cluster;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * The programs of one major version of PostgreSQL. They are, in this order: under the folder in the system property
 * {@value #PROPERTY}; for 15, 17 and 18 unpacked from Debian packages, for 16 from a jar on the class path, both into a
 * cache; installed on this machine.
 */
public final class PostgresBinaries {
    /** A folder that holds MAJOR/bin or MAJOR/usr/lib/postgresql/MAJOR/bin; may be empty. */
    public static final String PROPERTY = "pgsidecar.test.postgres";

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final Map<Integer, PostgresBinaries> FOUND = new ConcurrentHashMap<>();

    private final int major;
    private final Path folder;

    private PostgresBinaries(int major, Path folder) {
        this.major = major;
        this.folder = folder;
    }

    /**
     * Finds the programs of a major version; the first call for it may download and unpack them.
     *
     * @throws BenchException when there are none; says what to install
     */
    public static PostgresBinaries of(int major) {
        return FOUND.computeIfAbsent(major, PostgresBinaries::find);
    }

    /** The major version. */
    public int major() {
        return major;
    }

    /** The folder of the programs. */
    public Path folder() {
        return folder;
    }

    /** Whether there is such a program; the one source of version 16 has initdb, pg_ctl and postgres alone. */
    public boolean has(String program) {
        return Files.isExecutable(folder.resolve(program));
    }

    /** A program's path. */
    public String program(String program) {
        if (!has(program)) {
            throw new UnsupportedOperationException("PostgreSQL " + major + " in " + folder + " lacks " + program);
        }
        return folder.resolve(program).toString();
    }

    private static PostgresBinaries find(int major) {
        Optional<Path> named = inNamedFolder(major);
        if (named.isPresent()) {
            return checked(major, named.get());
        }
        BinariesCache cache = BinariesCache.ofThisAccount();
        String failure;
        try {
            return checked(major, cache.folder(major));
        } catch (BenchException e) {
            failure = e.getMessage();
        }
        return installed(major)
                .map(folder -> checked(major, folder))
                .orElseThrow(() -> new BenchException("no PostgreSQL " + major + " here. Install it with its pg_config"
                        + " on the PATH, or name a folder that holds " + major + "/bin with -D" + PROPERTY + "=FOLDER."
                        + " It could not be unpacked either: " + failure));
    }

    private static Optional<Path> inNamedFolder(int major) {
        String named = System.getProperty(PROPERTY, "");
        return named.isBlank() ? Optional.empty() : serverFolder(binFolders(Path.of(named), major));
    }

    private static Stream<Path> binFolders(Path parent, int major) {
        String name = Integer.toString(major);
        return Stream.of(
                parent.resolve(name).resolve("bin"),
                parent.resolve(name).resolve("usr/lib/postgresql").resolve(name).resolve("bin"));
    }

    private static Optional<Path> installed(int major) {
        Stream<Path> packaged = Stream.of(Path.of("/usr/lib/postgresql", Integer.toString(major), "bin"));
        Stream<Path> onPath = Stream.of(System.getenv().getOrDefault("PATH", "").split(":"))
                .map(folder -> Path.of(folder, "pg_config"))
                .filter(Files::isExecutable)
                .filter(pgConfig -> isOf(major, ask(pgConfig, "--version")))
                .map(pgConfig -> Path.of(ask(pgConfig, "--bindir")));
        return serverFolder(Stream.concat(packaged, onPath));
    }

    private static Optional<Path> serverFolder(Stream<Path> candidates) {
        return candidates
                .filter(folder -> Files.isExecutable(folder.resolve("postgres")))
                .findFirst()
                .map(Path::toAbsolutePath);
    }

    private static PostgresBinaries checked(int major, Path folder) {
        try {
            Path real = folder.toRealPath();
            // Run as the servers will be: this also shows whether that account gets at the files.
            List<String> command = List.of(real.resolve("postgres").toString(), "--version");
            String version =
                    Commands.run(Path.of("/"), TIMEOUT, Account.current().command(command));
            if (!isOf(major, version)) {
                throw new BenchException(real + " holds " + version.strip() + " instead of PostgreSQL " + major);
            }
            return new PostgresBinaries(major, real);
        } catch (IOException e) {
            throw new BenchException("no programs in " + folder, e);
        }
    }

    private static String ask(Path pgConfig, String option) {
        return Commands.run(Path.of("/"), TIMEOUT, List.of(pgConfig.toString(), option))
                .strip();
    }

    /** Whether a version text, as in "postgres (PostgreSQL) 17.1", is of a major version. */
    private static boolean isOf(int major, String version) {
        return version.matches("(?s).*PostgreSQL\\)? " + major + "\\b.*");
    }
}
