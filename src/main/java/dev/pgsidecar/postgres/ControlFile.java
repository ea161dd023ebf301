package dev.pgsidecar.postgres;

import dev.pgsidecar.config.Settings;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;

/**
 * The server's {@code global/pg_control}: what it says of the server without any connection. Where the data directory is
 * not configured, or cannot be read from here, it says nothing.
 */
public final class ControlFile {

    /** ControlFileData begins with system_identifier, pg_control_version, catalog_version_no and state. */
    private static final int HEAD_BYTES = 8 + 4 + 4 + 4;

    private static final int STATE_OFFSET = 16;

    /** DB_SHUTDOWNED and DB_SHUTDOWNED_IN_RECOVERY of DBState. */
    private static final Set<Integer> SHUT_DOWN = Set.of(1, 2);

    private final Optional<Path> file;

    public ControlFile(Settings settings) {
        this.file = settings.postgres().dataDirectory().map(folder -> folder.resolve("global/pg_control"));
    }

    /**
     * When it was last written, by this host's clock. A standby that replays WAL before it accepts connections writes it
     * at each restartpoint, a server that recovers from a crash at the beginning and the end.
     */
    public Optional<Instant> modified() {
        try {
            return file.isPresent()
                    ? Optional.of(Files.getLastModifiedTime(file.get()).toInstant())
                    : Optional.empty();
        } catch (IOException _) {
            return Optional.empty(); // not readable from here: there is no such sign
        }
    }

    /** Whether it is the file of this server, which was shut down (no crash, no immediate stop) and has not begun since. */
    public boolean saysShutDown(String systemIdentifier) {
        if (file.isEmpty()) {
            return false;
        }
        try (InputStream in = Files.newInputStream(file.get())) {
            ByteBuffer head = ByteBuffer.wrap(in.readNBytes(HEAD_BYTES)).order(ByteOrder.nativeOrder());
            return head.limit() == HEAD_BYTES
                    && Long.toUnsignedString(head.getLong(0)).equals(systemIdentifier)
                    && SHUT_DOWN.contains(head.getInt(STATE_OFFSET));
        } catch (IOException _) {
            return false;
        }
    }
}
