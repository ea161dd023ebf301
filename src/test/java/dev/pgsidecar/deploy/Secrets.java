package dev.pgsidecar.deploy;

import dev.pgsidecar.cluster.Commands;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.UUID;

/** Passwords in a volume, made by deploy/compose/setup, and a token made by the image itself. */
final class Secrets implements AutoCloseable {

    final String volume = "pgsidecar-test-" + UUID.randomUUID();
    final Path tokens;
    final String token;

    Secrets(Path folder) throws IOException {
        Docker.run(
                "run",
                "--rm",
                "--network=none",
                "--user=root",
                "--entrypoint=/setup",
                "--volume=" + Docker.ROOT.resolve("deploy/compose/setup") + ":/setup:ro",
                "--volume=" + volume + ":/secrets",
                Docker.POSTGRES);
        // The line goes to the standard output, the secret to the other.
        String both = Commands.run(
                folder,
                Duration.ofMinutes(1),
                List.of(
                        "sh",
                        "-c",
                        "docker run --rm --network=none \"$0\" token create --name test --permission operate 2>&1",
                        Docker.AGENT));
        List<String> line =
                both.lines().filter(each -> each.startsWith("test operate ")).toList();
        token = both.lines()
                .filter(each -> each.contains(": pgs_"))
                .map(each -> each.substring(each.lastIndexOf(' ') + 1))
                .findFirst()
                .orElseThrow();
        tokens = Files.write(folder.resolve("tokens"), line);
        Files.setPosixFilePermissions(tokens, PosixFilePermissions.fromString("rw-r--r--"));
    }

    @Override
    public void close() {
        Docker.run("volume", "rm", "--force", volume);
    }
}
