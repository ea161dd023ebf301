package dev.pgsidecar.docs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.docs.Page.Block;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Runs the commands of pages in their order, as a reader would; keeps the stage that pages share. */
final class PageRunner implements AutoCloseable {

    private static final Duration COMMANDS = Duration.ofMinutes(3);

    private final Path folder;

    /** The trio of the pages that leave it as it was; opened by the first of them. */
    private Stage shared;

    /** @param folder an empty one, for the stages */
    PageRunner(Path folder) {
        this.folder = folder;
    }

    /**
     * Runs one page.
     *
     * @param variant one of {@link Page#variants()}, which the commands of its comments see as a variable
     */
    void run(Page page, String variant) throws IOException {
        Stage stage = null;
        String written = "";
        try {
            for (Block block : page.blocks()) {
                if (block.isElsewhere()) {
                    continue;
                }
                String at = "%s:%d".formatted(page.file(), block.line());
                String where = block.has("on") ? block.note("on") : "pg-0";
                if (block.language().equals("stage")) {
                    closeUnlessShared(stage);
                    stage = open(block.text());
                } else if (block.has("output")) {
                    assertShows(at, block.text(), written);
                } else if (block.has("in another terminal, until")) {
                    written = goOn(at, stage(at, stage).anotherTerminal(where), block);
                } else if (block.has("writes")) {
                    succeed(
                            at,
                            stage(at, stage).terminal(where),
                            "mkdir -p \"$(dirname %1$s)\" && cat > %1$s << 'END'%n%2$sEND"
                                    .formatted(block.note("writes"), block.text()),
                            List.of());
                } else if (block.isCommands() || block.language().equals("does")) {
                    List<Integer> failures =
                            block.has("exits") ? List.of(Integer.valueOf(block.note("exits"))) : List.of();
                    String text = block.isCommands() ? block.text() : variant + "\n" + block.text();
                    written = succeed(at, stage(at, stage).terminal(where), text, failures);
                }
            }
        } finally {
            closeUnlessShared(stage);
        }
    }

    private Stage open(String name) throws IOException {
        if (!name.equals("shared trio")) {
            return Stage.open(
                    Files.createTempDirectory(folder, "stage"), Stage.Set.valueOf(name.toUpperCase(Locale.ROOT)));
        }
        if (shared == null) {
            shared = Stage.open(Files.createTempDirectory(folder, "shared"), Stage.Set.TRIO);
        }
        shared.newTerminals();
        shared.settle();
        return shared;
    }

    private void closeUnlessShared(Stage stage) {
        if (stage != shared) {
            close(stage);
        }
    }

    private static Stage stage(String at, Stage stage) {
        assertThat(stage).as("%s: a comment above it has to name the stage", at).isNotNull();
        return stage;
    }

    private static String succeed(String at, Terminal terminal, String text, List<Integer> failures) {
        Terminal.Ended ended = terminal.type(text, COMMANDS);
        assertThat(ended.failures())
                .as("%s: statuses other than 0%n%s%n%s", at, text, ended.output())
                .isEqualTo(failures);
        return ended.output();
    }

    private static String goOn(String at, Terminal terminal, Block block) {
        terminal.begin(block.text());
        String until = block.note("in another terminal, until");
        long deadline = System.nanoTime() + COMMANDS.toNanos();
        while (!terminal.output().contains(until)) {
            assertThat(System.nanoTime())
                    .as("%s: no \"%s\" in%n%s", at, until, terminal.output())
                    .isLessThan(deadline);
            Stage.sleep();
        }
        return terminal.output();
    }

    /** The lines are there in this order; numbers and the width of columns may differ, and "..." stands for anything. */
    private static void assertShows(String at, String shown, String written) {
        List<String> left = written.lines().map(PageRunner::loosely).toList();
        for (String line : shown.lines().filter(each -> !each.isBlank()).toList()) {
            Pattern pattern = Pattern.compile(Stream.of(loosely(line).split(Pattern.quote("..."), -1))
                    .map(Pattern::quote)
                    .reduce((before, after) -> before + ".*" + after)
                    .orElseThrow());
            int found = 0;
            while (found < left.size() && !pattern.matcher(left.get(found)).find()) {
                found++;
            }
            assertThat(found).as("%s: no line \"%s\" in%n%s", at, line, written).isLessThan(left.size());
            left = left.subList(found + 1, left.size());
        }
    }

    private static String loosely(String line) {
        return line.strip().replaceAll("\\s+", " ").replaceAll("[0-9A-F]*\\d[0-9A-F]*", "0");
    }

    @Override
    public void close() {
        close(shared);
    }

    private static void close(Stage stage) {
        if (stage != null) {
            stage.close();
        }
    }
}
