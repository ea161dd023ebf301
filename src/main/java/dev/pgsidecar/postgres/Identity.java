package dev.pgsidecar.postgres;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.config.Trouble;
import dev.pgsidecar.postgres.Failure.Kind;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Set;
import org.jboss.logging.Logger;

/**
 * Which physical cluster this agent stands beside: the {@code system_identifier} that is pinned in the configuration, or
 * else that of the first server that answered, kept in the state folder. A server with another one is never touched.
 */
public final class Identity {

    private static final Logger LOG = Logger.getLogger(Identity.class);

    private static final Set<PosixFilePermission> READABLE = PosixFilePermissions.fromString("rw-r--r--");

    /** Several observers may hear the first answer at one moment: one of them learns it, the others read it. */
    private static final Object LEARNING = new Object();

    private final Optional<String> pinned;
    private final Path file;
    private Optional<String> learned = Optional.empty();

    public Identity(Settings settings) {
        this.pinned = settings.postgres().systemIdentifier();
        this.file = settings.stateDir().resolve("system-identifier");
    }

    /**
     * Checks the identifier of the server that just answered; the first one ever is learned.
     *
     * @throws PostgresException {@link Kind#WRONG_INSTANCE}, or {@link Kind#IDENTITY_UNREADABLE} when what was learned
     *     cannot be read: then nothing tells that this is the right server
     */
    public synchronized void check(String found) throws PostgresException {
        Optional<String> expected;
        synchronized (LEARNING) {
            expected = expected();
            if (expected.isEmpty()) {
                learn(found);
                return;
            }
        }
        if (!expected.get().equals(found)) {
            throw new PostgresException(
                    Kind.WRONG_INSTANCE,
                    "the server's system_identifier is %s, expected %s (%s); if the change is meant: %s"
                            .formatted(found, expected.get(), origin(), remedy()));
        }
    }

    /** Whether the configuration pins the identity, so that no file counts. */
    public boolean isPinned() {
        return pinned.isPresent();
    }

    /**
     * Keeps the identifier from now on, durably.
     *
     * @throws IOException if the state folder cannot be written
     */
    public void accept(String identifier) throws IOException {
        Files.createDirectories(file.getParent());
        Path fresh = file.resolveSibling(
                file.getFileName() + ".new-" + ProcessHandle.current().pid());
        Files.deleteIfExists(fresh);
        Files.createFile(fresh, PosixFilePermissions.asFileAttribute(READABLE)); // no secret; root may have written it
        Files.setPosixFilePermissions(fresh, READABLE);
        try (FileChannel channel = FileChannel.open(fresh, StandardOpenOption.WRITE)) {
            channel.write(StandardCharsets.US_ASCII.encode(identifier + "\n"));
            channel.force(true);
        }
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        try (FileChannel folder = FileChannel.open(file.getParent(), StandardOpenOption.READ)) {
            folder.force(true);
        }
    }

    /**
     * What is pinned, kept in the state folder, or known from there or from the server in this run: a file that vanishes
     * changes nothing. Empty before the first answer.
     */
    public synchronized Optional<String> expected() throws PostgresException {
        if (pinned.isPresent()) {
            return pinned;
        }
        try {
            String kept = Files.readString(file).strip();
            if (!kept.matches("\\d{1,20}")) {
                throw new PostgresException(Kind.IDENTITY_UNREADABLE, file + " holds no system_identifier");
            }
            learned = Optional.of(kept);
            return learned;
        } catch (NoSuchFileException _) {
            return learned;
        } catch (IOException e) {
            throw new PostgresException(new Failure(Kind.IDENTITY_UNREADABLE, file + ": " + Trouble.with(e)), e);
        }
    }

    private void learn(String found) {
        learned = Optional.of(found);
        try {
            accept(found);
            LOG.infof("learned system_identifier %s, kept in %s", found, file);
        } catch (IOException e) {
            LOG.warnf(
                    "learned system_identifier %s for this run only: %s cannot be written (%s);"
                            + " pin pgsidecar.postgres.system-identifier, or make state-dir writable",
                    found, file, Trouble.with(e));
        }
    }

    private String origin() {
        return isPinned() ? "pgsidecar.postgres.system-identifier" : "learned, " + file;
    }

    private String remedy() {
        return isPinned() ? "change the configuration" : "pgsidecar identity accept";
    }
}
