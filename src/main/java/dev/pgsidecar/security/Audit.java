package dev.pgsidecar.security;

import dev.pgsidecar.config.Settings;
import io.vertx.core.json.JsonObject;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.Set;

/**
 * Who ordered what, whence, and what became of it: a line of JSON each, appended and durable before the order is carried
 * out. It is opened for each line, so that it can be rotated by renaming it.
 */
@Singleton
public class Audit {

    private final Path file;

    Audit(Settings settings) {
        this.file = settings.stateDir().resolve("audit.log");
    }

    /**
     * Appends a line; its time is put before everything else.
     *
     * @throws IOException if it cannot: then what it tells must not happen
     */
    public synchronized void append(JsonObject entry) throws IOException {
        Files.createDirectories(file.getParent());
        JsonObject line = new JsonObject().put("at", Instant.now().toString()).mergeIn(entry);
        try (FileChannel channel = FileChannel.open(
                file,
                Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.APPEND),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-r-----")))) {
            channel.write(ByteBuffer.wrap((line.encode() + "\n").getBytes(StandardCharsets.UTF_8)));
            channel.force(true);
        }
    }
}
