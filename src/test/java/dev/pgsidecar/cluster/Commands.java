package dev.pgsidecar.cluster;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Runs programs to their end. */
public final class Commands {
    private Commands() {}

    /**
     * Runs a command and returns what it wrote to its standard output.
     *
     * @param folder its working folder; inside a cluster's folder, the command ends with the cluster at the latest
     * @throws BenchException when it cannot be started, fails or takes longer, with all it wrote
     */
    public static String run(Path folder, Duration timeout, List<String> command) {
        ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
        builder.redirectInput(new File("/dev/null"));
        prepare(builder);
        try {
            Process process = builder.start();
            CompletableFuture<String> out = text(process.getInputStream());
            CompletableFuture<String> err = text(process.getErrorStream());
            if (!process.waitFor(timeout.toMillis(), TimeUnit.MILLISECONDS)) {
                process.descendants().forEach(ProcessHandle::destroyForcibly);
                process.destroyForcibly();
                throw failure(command, "not ended after " + timeout.toMillis() + " ms", out, err);
            }
            if (process.exitValue() != 0) {
                throw failure(command, "exit status " + process.exitValue(), out, err);
            }
            return out.join();
        } catch (IOException e) {
            throw new BenchException(String.join(" ", command) + ": " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchException("interrupted while running " + String.join(" ", command), e);
        }
    }

    /** Gives a program the environment of a plain login: none of the PG variables, and messages in English. */
    static void prepare(ProcessBuilder builder) {
        builder.environment().keySet().removeIf(name -> name.startsWith("PG") || name.startsWith("LC_"));
        builder.environment().put("LC_ALL", "C");
        builder.environment().put("TZ", "UTC");
    }

    private static BenchException failure(
            List<String> command, String what, CompletableFuture<String> out, CompletableFuture<String> err) {
        return new BenchException(String.join(" ", command) + ": " + what + "\n" + out.join() + err.join());
    }

    /** Reads a stream to its end in a thread of its own, so that no pipe fills up. */
    private static CompletableFuture<String> text(InputStream stream) {
        CompletableFuture<String> text = new CompletableFuture<>();
        Thread.ofVirtual().start(() -> {
            try (stream) {
                text.complete(new String(stream.readAllBytes(), StandardCharsets.UTF_8));
            } catch (IOException e) {
                text.completeExceptionally(new UncheckedIOException(e));
            }
        });
        return text;
    }
}
