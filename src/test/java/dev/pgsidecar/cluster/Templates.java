package dev.pgsidecar.cluster;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** Data directories right after initdb: one per major version and JVM run, copied for every primary. */
final class Templates {
    private static final Duration TIMEOUT = Duration.ofMinutes(2);
    private static final Map<Integer, Path> TEMPLATES = new ConcurrentHashMap<>();
    private static final AtomicInteger SNAPSHOTS = new AtomicInteger();

    private Templates() {}

    /** Makes a data directory by copying; all copies of a JVM's run have the same system identifier. */
    static void copyTo(Path dataDirectory, PostgresBinaries binaries) {
        Path template = TEMPLATES.computeIfAbsent(binaries.major(), major -> {
            Path made = Keeper.FOLDER.resolve(major.toString());
            initdb(made, binaries);
            return made;
        });
        run(dataDirectory.getParent(), List.of("cp", "-a", "--", template.toString(), dataDirectory.toString()));
    }

    /** A folder that lasts until the JVM ends. */
    static Path newFolder() {
        Path folder = Keeper.FOLDER.resolve("snapshot-" + SNAPSHOTS.incrementAndGet());
        run(Keeper.FOLDER, List.of("mkdir", folder.toString()));
        return folder;
    }

    /** Makes a data directory with a system identifier of its own. */
    static void initdb(Path dataDirectory, PostgresBinaries binaries) {
        run(
                dataDirectory.getParent(),
                List.of(
                        binaries.program("initdb"),
                        "--pgdata=" + dataDirectory,
                        "--username=" + Postgres.SUPERUSER,
                        "--auth=trust",
                        "--encoding=UTF8",
                        "--locale=C",
                        "--data-checksums",
                        "--no-sync"));
        if (!Files.exists(dataDirectory.resolve("PG_VERSION"))) {
            throw new BenchException("initdb made no data directory " + dataDirectory);
        }
    }

    private static void run(Path folder, List<String> command) {
        Commands.run(folder, TIMEOUT, Account.current().command(command));
    }

    /** Holds the templates until the JVM ends. */
    private static final class Keeper {
        private static final Path FOLDER = folder();

        @SuppressWarnings("resource") // open for as long as the JVM runs
        private static Path folder() {
            Guardian guardian = Guardian.start();
            Runtime.getRuntime().addShutdownHook(new Thread(guardian::close, "remove templates"));
            return guardian.folder();
        }
    }
}
