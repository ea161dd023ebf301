package dev.pgsidecar.postgres;

import dev.pgsidecar.config.Settings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;

/**
 * The server's {@code global/pg_control}. A standby that replays WAL before it accepts connections writes it at each
 * restartpoint, a server that recovers from a crash at the beginning and the end: the one sign of life that needs no
 * connection.
 */
public final class ControlFile {

    private final Optional<Path> file;

    public ControlFile(Settings settings) {
        this.file = settings.postgres().dataDirectory().map(folder -> folder.resolve("global/pg_control"));
    }

    /** When it was last written, by this host's clock; absent where the data directory cannot be read. */
    public Optional<Instant> modified() {
        try {
            return file.isPresent()
                    ? Optional.of(Files.getLastModifiedTime(file.get()).toInstant())
                    : Optional.empty();
        } catch (IOException _) {
            return Optional.empty(); // not readable from here: there is no such sign
        }
    }
}
