package dev.pgsidecar.docs;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A shell on a {@link Stage} into which commands are typed; what they set and export stays for the next ones. */
final class Terminal {

    private final String where;
    private final Path folder;
    private final Process process;
    private final BufferedReader answers;
    private Path commands;
    private int typed;

    /** @param failures the statuses of the commands that did not succeed, in their order */
    record Ended(List<Integer> failures, String output) {}

    Terminal(String where, Path folder, Process process) {
        this.where = where;
        this.folder = folder;
        this.process = process;
        this.answers = process.inputReader();
    }

    /** Types commands and waits until all have ended. */
    Ended type(String text, Duration atMost) {
        begin(text);
        long deadline = System.nanoTime() + atMost.toNanos();
        try {
            while (!answers.ready()) {
                if (!process.isAlive() || System.nanoTime() > deadline) {
                    throw new AssertionError("not ended on %s: %s%n%s".formatted(where, text, output()));
                }
                Stage.sleep();
            }
            String answer = answers.readLine();
            if (!answer.startsWith("done")) {
                throw new AssertionError("the reader on %s: %s".formatted(where, answer));
            }
            List<Integer> failures = new ArrayList<>();
            Arrays.stream(answer.split(" ")).skip(1).map(Integer::valueOf).forEach(failures::add);
            return new Ended(failures, output());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Types commands that go on. */
    void begin(String text) {
        try {
            commands = Files.writeString(
                    folder.resolve("%s-%d-%d".formatted(where.replace(' ', '-'), process.pid(), ++typed)), text);
            process.getOutputStream().write((commands + "\n").getBytes());
            process.getOutputStream().flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Ends the shell; not what it has started in the background. */
    void close() {
        process.destroy();
    }

    /** What the commands that were typed last have written so far. */
    String output() {
        try {
            Path output = commands.resolveSibling(commands.getFileName() + ".out");
            return Files.exists(output) ? Files.readString(output) : "";
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
