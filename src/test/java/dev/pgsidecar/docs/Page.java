package dev.pgsidecar.docs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * One document: its fenced blocks, and what comments that no reader sees say of them. A comment stands on lines of its own;
 * what it says holds for the block that follows it:
 *
 * <pre>
 * &lt;!-- stage: agent --&gt;                       from here on the commands have a new stage (see {@link Stage.Set});
 *                                                 "shared trio" is one for all pages that leave it as it was
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

    private static final Pattern FENCE = Pattern.compile("( *)```(\\w*)");
    private static final Pattern NOTE = Pattern.compile(
            "(stage|on|in another terminal, until|writes|does|not run|run by): (.*)|(exits) (\\d+)|(output)",
            Pattern.DOTALL);
    private static final Pattern UNFENCED = Pattern.compile(
            " {4,}(pgsidecar|curl|make|psql|su|sudo|systemctl|docker|kubectl|apt-get|runuser|install|cp|PG\\w+=\\S+) .*");

    /**
     * Something to do: a fenced block, or what a comment says.
     *
     * @param line where it begins, from 1
     * @param language of the fence; {@code does} for a comment's commands, {@code stage} for a new stage's name
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

    static Page read(Path file) {
        try {
            return new Page(file, blocks(file, Files.readAllLines(file)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<Block> blocks(Path file, List<String> lines) {
        List<Block> blocks = new ArrayList<>();
        Map<String, String> notes = new LinkedHashMap<>();
        for (int at = 0; at < lines.size(); at++) {
            int begin = at;
            Matcher fence = FENCE.matcher(lines.get(at));
            if (fence.matches()) {
                StringBuilder text = new StringBuilder();
                while (!lines.get(++at).strip().equals("```")) {
                    text.append(lines.get(at)
                                    .replaceFirst("^ {0," + fence.group(1).length() + "}", ""))
                            .append('\n');
                }
                blocks.add(new Block(begin + 1, fence.group(2), text.toString(), Map.copyOf(notes)));
                notes.clear();
            } else if (lines.get(at).strip().startsWith("<!--")) {
                StringBuilder comment = new StringBuilder(lines.get(at));
                while (!lines.get(at).strip().endsWith("-->")) {
                    comment.append('\n').append(lines.get(++at));
                }
                note(file, begin + 1, comment.toString().strip(), notes, blocks);
            } else if (UNFENCED.matcher(lines.get(at)).matches()) {
                throw new AssertionError("%s:%d: commands stand in ```sh fences".formatted(file, begin + 1));
            } else if (!notes.isEmpty() && !lines.get(at).isBlank()) {
                throw new AssertionError("%s:%d: %s: no block follows".formatted(file, begin, notes));
            }
        }
        return blocks;
    }

    private static void note(Path file, int line, String comment, Map<String, String> notes, List<Block> blocks) {
        Matcher note = NOTE.matcher(comment.substring("<!--".length(), comment.length() - "-->".length())
                .strip());
        if (!note.matches()) {
            throw new AssertionError("%s:%d: no such comment: %s".formatted(file, line, comment));
        }
        String name = Stream.of(note.group(1), note.group(3), note.group(5))
                .filter(each -> each != null)
                .findFirst()
                .orElseThrow();
        String value = note.group(1) != null ? note.group(2) : note.group(3) != null ? note.group(4) : "";
        switch (name) {
            case "stage", "does" -> {
                blocks.add(new Block(line, name, value, Map.copyOf(notes)));
                notes.clear();
            }
            default -> notes.put(name, value);
        }
    }
}
