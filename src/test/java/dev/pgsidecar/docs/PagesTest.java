package dev.pgsidecar.docs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.docs.Page.Block;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What the pages say of the tests that run their commands. */
class PagesTest {

    private static final Path TESTS = Path.of("src/test/java");

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
