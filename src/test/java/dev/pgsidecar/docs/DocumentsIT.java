package dev.pgsidecar.docs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.cluster.Needs;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
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
@Tag("full")
@Needs(Stage.Possible.class)
class DocumentsIT {

    /** Part of a page's name, for who works on that page alone. */
    private static final String PAGE = "pgsidecar.test.page";

    @TempDir
    Path folder;

    private PageRunner runner;

    @BeforeEach
    void setUp() {
        runner = new PageRunner(folder);
    }

    @AfterEach
    void tearDown() {
        if (runner != null) {
            runner.close();
        }
    }

    /** One test per page that has something to run, or per variant of it. */
    @TestFactory
    Stream<DynamicTest> pages() {
        return Page.all().stream()
                .filter(page -> page.file().toString().contains(System.getProperty(PAGE, "")))
                .filter(Page::isRun)
                .flatMap(page -> page.variants().stream()
                        .map(variant -> DynamicTest.dynamicTest(
                                "%s %s".formatted(page.file(), variant).strip(), () -> runner.run(page, variant))));
    }

    @Test
    void aCommandThatFailsIsSeen() {
        Duration atMost = Duration.ofMinutes(1);
        try (Stage stage = Stage.open(folder, Stage.Set.HOST)) {
            Terminal terminal = stage.terminal("pg-0");
            assertThat(terminal.type("true\nkept=1\nfalse\n(exit 3)\ngrep nobody /etc/nothing | cat", atMost)
                            .failures())
                    .containsExactly(1, 3, 2);
            assertThat(terminal.type("echo $kept\ntouch /etc/something", atMost))
                    .isEqualTo(new Terminal.Ended(List.of(), "1\n"));
            assertThat(terminal.type("if", atMost).failures()).isNotEmpty();
            assertThat(Path.of("/etc/something")).doesNotExist();
        }
    }
}
