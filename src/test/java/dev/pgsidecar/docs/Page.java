package dev.pgsidecar.docs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * One document: its fenced blocks, and what comments that no reader sees say of them. A comment stands on lines of its own;
 * what it says holds for the block that follows it:
 *
 * <pre>
 * &lt;!-- stage: agent --&gt;                       from here on the commands have a new stage (see {@link Stage.Set});
 *                                                 "shared trio" is one for all pages that leave it as it was;
 *                                                 "none: REASON" is "not run" for all that follows
 * &lt;!-- for each: NAME in A B --&gt;             the page is run once per value; commands of "does" have it as $NAME
 * &lt;!-- on: pg-1 --&gt;, &lt;!-- on: pg-1 as postgres --&gt;  where they are typed, and by whom; else by root on pg-0
 * &lt;!-- exits 1 --&gt;                            one of the commands fails, with this status; all others succeed
 * &lt;!-- in another terminal, until: WORDS --&gt;  they go on; what follows waits until they have written this
 * &lt;!-- output --&gt;                             a block that shows what the commands before it write
 * &lt;!-- writes: FILE --&gt;                       a block that the reader writes into a file
 * &lt;!-- does: COMMANDS --&gt;                     what the text, in words, tells the reader to do
 * &lt;!-- not run: REASON --&gt;                    cannot be run on a stage
 * &lt;!-- run by: CLASS --&gt;                      another test runs it as it stands there
 * </pre>
 *
 * @param file from the repository's root
 */
public record Page(Path file, List<Block> blocks) {

    /**
     * Something to do: a fenced block, or what a comment says.
     *
     * @param line where it begins, from 1
     * @param language of the fence; {@code does} for a comment's commands, {@code stage} for a new stage's name,
     *     {@code for each} for the values that the page is run with
     */
    public record Block(int line, String language, String text, Map<String, String> notes) {

        boolean isCommands() {
            return language.equals("sh") || language.equals("shell");
        }

        /** What a comment says of this block; empty where there is none. */
        String note(String name) {
            return notes.getOrDefault(name, "");
        }

        boolean has(String name) {
            return notes.containsKey(name);
        }

        /** Whether somebody else than the stage runs it, or nobody. */
        boolean isElsewhere() {
            return has("not run") || has("run by");
        }
    }

    /** Whether there is a command to run on a stage. */
    boolean isRun() {
        return blocks.stream().anyMatch(block -> block.isCommands() && !block.isElsewhere());
    }

    /** The shell assignments that the page is run with, one after the other; one empty text where it is run once. */
    List<String> variants() {
        return blocks.stream()
                .filter(block -> block.language().equals("for each"))
                .findFirst()
                .map(block -> block.text().split(" in "))
                .map(nameAndValues -> Stream.of(nameAndValues[1].split(" "))
                        .map(value -> nameAndValues[0] + "=" + value)
                        .toList())
                .orElse(List.of(""));
    }

    /** README.md and all of docs. */
    static List<Page> all() {
        try (Stream<Path> docs = Files.walk(Path.of("docs"))) {
            return Stream.concat(
                            Stream.of(Path.of("README.md")),
                            docs.filter(file -> file.toString().endsWith(".md")).sorted())
                    .map(Page::read)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The command lines of a page that begin with this word, as they stand there. */
    public static List<String> commands(String file, String program) {
        return read(Path.of(file)).blocks().stream()
                .filter(Block::isCommands)
                .flatMap(block -> block.text().lines())
                .filter(line -> line.startsWith(program + " "))
                .toList();
    }

    private static Page read(Path file) {
        try {
            return new Page(file, new PageReader(file, Files.readAllLines(file)).blocks());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
