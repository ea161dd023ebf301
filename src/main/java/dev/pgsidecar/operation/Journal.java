package dev.pgsidecar.operation;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jboss.logging.Logger;

/**
 * What was ordered and how far it is, one file of readable JSON per operation, on disk before anything acts: after
 * {@link #write} returned, no loss of power can undo it.
 */
final class Journal {

    private static final Logger LOG = Logger.getLogger(Journal.class);

    private static final String SUFFIX = ".json";

    private final Path folder;
    private final JournalFiles disk;

    Journal(Path folder, JournalFiles disk) {
        this.folder = folder.toAbsolutePath();
        this.disk = disk;
    }

    /**
     * Makes the operation durable as it is now.
     *
     * @throws IOException if it cannot: then it must not go on
     */
    void write(Operation operation) throws IOException {
        createFolder(folder);
        Path file = folder.resolve(operation.id() + SUFFIX);
        Path fresh = folder.resolve(operation.id() + ".new");
        disk.write(fresh, (operation.json().encodePrettily() + "\n").getBytes(StandardCharsets.UTF_8));
        disk.sync(fresh);
        disk.rename(fresh, file);
        disk.sync(folder);
    }

    /** A folder that is lost with the power takes its files along, so each new one is synced in its parent. */
    private void createFolder(Path missing) throws IOException {
        if (!Files.isDirectory(missing)) {
            createFolder(missing.getParent());
            disk.createFolder(missing);
            disk.sync(missing.getParent());
        }
    }

    /** All that are kept, oldest first. A file that makes no sense is told, and left where it is. */
    List<Operation> read() {
        List<Operation> operations = new ArrayList<>();
        for (Path file : files()) {
            try {
                operations.add(Operation.of(new JsonObject(Files.readString(file))));
            } catch (IOException | RuntimeException e) {
                LOG.errorf("journal %s makes no sense (%s): it is left alone, and nothing goes on with it", file, e);
            }
        }
        operations.sort(Comparator.comparing(Operation::ordered).thenComparing(Operation::id));
        return operations;
    }

    /** Removes the oldest that have ended, so that at most so many of those are kept; returns which. */
    List<Operation> trim(List<Operation> oldestFirst, int most) {
        List<Operation> ended =
                oldestFirst.stream().filter(operation -> !operation.running()).toList();
        List<Operation> gone = ended.subList(0, Math.max(0, ended.size() - most));
        gone.forEach(this::forget);
        return gone;
    }

    /** Removes an operation. */
    void forget(Operation operation) {
        try {
            disk.delete(folder.resolve(operation.id() + SUFFIX));
        } catch (IOException e) {
            LOG.warnf("journal of %s cannot be removed: %s", operation.id(), e);
        }
    }

    private List<Path> files() {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> all = Files.list(folder)) {
            return all.filter(file -> file.toString().endsWith(SUFFIX)).toList();
        } catch (IOException e) {
            LOG.errorf("the journals in %s cannot be read: %s", folder, e);
            return List.of();
        }
    }
}
