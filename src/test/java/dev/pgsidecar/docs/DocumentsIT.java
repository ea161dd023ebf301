package dev.pgsidecar.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgsidecar.docs.Page.Block;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Runs every command of README.md and docs, page by page and in their order, as its reader would. {@link Page} has the
 * comments that say where, and what is not run and why.
 */
@Tag("agent")
@Tag("long")
class DocumentsIT {

    private static final Duration COMMANDS = Duration.ofSeconds(60);
    private static final Path TESTS = Path.of("src/test/java");

    /** Part of a page's name, for who works on that page alone. */
    private static final String PAGE = "pgsidecar.test.page";

    @TempDir
    Path folder;

    /** The trio of the pages that leave it as it was; opened by the first of them. */
    private Stage shared;

    @AfterEach
    void closeShared() {
        close(shared);
    }

    /** One test per page that has something to run. */
    @TestFactory
    Stream<DynamicTest> pages() {
        return Page.all().stream()
                .filter(page -> page.file().toString().contains(System.getProperty(PAGE, "")))
                .filter(page -> page.blocks().stream().anyMatch(block -> block.isCommands() && !block.isElsewhere()))
                .map(page -> DynamicTest.dynamicTest(page.file().toString(), () -> run(page)));
    }

    private void run(Page page) throws IOException {
        assumeTrue(Stage.impossible().isEmpty(), Stage.impossible().orElse(""));
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
                    written = succeed(at, stage(at, stage).terminal(where), block.text(), failures);
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
        List<String> left = written.lines().map(DocumentsIT::loosely).toList();
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

    private static void close(Stage stage) {
        if (stage != null) {
            stage.close();
        }
    }

    @Test
    void aCommandThatFailsIsSeen() {
        assumeTrue(Stage.impossible().isEmpty(), Stage.impossible().orElse(""));
        try (Stage stage = Stage.open(folder, Stage.Set.HOST)) {
            Terminal terminal = stage.terminal("pg-0");
            assertThat(terminal.type("true\nkept=1\nfalse\n(exit 3)\ngrep nobody /etc/nothing | cat", COMMANDS)
                            .failures())
                    .containsExactly(1, 3, 2);
            assertThat(terminal.type("echo $kept\ntouch /etc/something", COMMANDS))
                    .isEqualTo(new Terminal.Ended(List.of(), "1\n"));
            assertThat(terminal.type("if", COMMANDS).failures()).isNotEmpty();
            assertThat(Path.of("/etc/something")).doesNotExist();
        }
    }

    /** The honest list, and no claim that another test does not keep. */
    @Test
    void whatNobodyRunsIsTold() throws IOException {
        int run = 0;
        int others = 0;
        int nobody = 0;
        StringBuilder list = new StringBuilder();
        for (Page page : Page.all()) {
            for (Block block : page.blocks().stream().filter(Block::isCommands).toList()) {
                if (block.has("run by")) {
                    others++;
                    assertRunBy(page, block);
                } else if (block.has("not run")) {
                    nobody++;
                    list.append("  %s:%d: %s%n".formatted(page.file(), block.line(), block.note("not run")));
                } else {
                    run++;
                }
            }
        }
        System.out.printf(
                "documents: %d command blocks run on a stage, %d by other tests, %d by nobody:%n%s",
                run, others, nobody, list);
        assertThat(run).isPositive();
    }

    private static void assertRunBy(Page page, Block block) throws IOException {
        String test = block.note("run by");
        try (Stream<Path> files = Files.walk(TESTS)) {
            assertThat(files.filter(file -> file.endsWith(test + ".java")).toList())
                    .as("%s:%d: the test %s reads this page", page.file(), block.line(), test)
                    .singleElement()
                    .satisfies(file -> assertThat(Files.readString(file)).contains("\"" + page.file() + "\""));
        }
    }
}
