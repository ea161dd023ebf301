package dev.pgsidecar.docs;

import dev.pgsidecar.docs.Page.Block;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads one page; what is not of the forms that {@link Page} tells is an error that names the line. */
final class PageReader {

    private static final Pattern FENCE = Pattern.compile("( *)```(\\w*)");
    private static final Pattern COMMENT = Pattern.compile("<!--\\s*(.*?)\\s*-->", Pattern.DOTALL);
    private static final Pattern NOTE = Pattern.compile(
            "(?<name>stage|for each|on|in another terminal, until|writes|does|not run|run by): (?<value>.*)"
                    + "|exits (?<status>\\d+)|output",
            Pattern.DOTALL);
    private static final Pattern UNFENCED = Pattern.compile(
            " {4,}(pgsidecar|curl|make|psql|su|sudo|systemctl|docker|kubectl|apt-get|runuser|install|cp|PG\\w+=\\S+) .*");

    private final Path file;
    private final List<String> lines;
    private final List<Block> blocks = new ArrayList<>();
    private final Map<String, String> notes = new LinkedHashMap<>();
    private String nowhere = "";
    private int at;

    PageReader(Path file, List<String> lines) {
        this.file = file;
        this.lines = lines;
    }

    List<Block> blocks() {
        for (at = 0; at < lines.size(); at++) {
            Matcher fence = FENCE.matcher(lines.get(at));
            if (fence.matches()) {
                fenced(fence.group(1).length(), fence.group(2));
            } else if (lines.get(at).strip().startsWith("<!--")) {
                comment();
            } else if (UNFENCED.matcher(lines.get(at)).matches()) {
                throw wrong("commands stand in ```sh fences");
            } else if (!notes.isEmpty() && !lines.get(at).isBlank()) {
                throw wrong(notes + " stands before no block");
            }
        }
        return blocks;
    }

    private void fenced(int indentation, String language) {
        int line = at + 1;
        StringBuilder text = new StringBuilder();
        while (!next().strip().equals("```")) {
            text.append(lines.get(at).replaceFirst("^ {0," + indentation + "}", ""))
                    .append('\n');
        }
        if (!nowhere.isEmpty()) {
            notes.putIfAbsent("not run", nowhere);
        }
        add(line, language, text.toString());
    }

    private void comment() {
        int line = at + 1;
        StringBuilder text = new StringBuilder(lines.get(at).strip());
        while (!text.toString().endsWith("-->")) {
            text.append('\n').append(next());
        }
        Matcher comment = COMMENT.matcher(text);
        Matcher note = NOTE.matcher(comment.matches() ? comment.group(1) : "");
        if (!note.matches()) {
            throw wrong("no such comment: " + text);
        } else if (note.group("status") != null) {
            notes.put("exits", note.group("status"));
        } else if (note.group("name") == null) {
            notes.put("output", "");
        } else if (note.group("name").equals("stage")) {
            nowhere = note.group("value").startsWith("none: ")
                    ? note.group("value").substring("none: ".length())
                    : "";
            if (nowhere.isEmpty()) {
                add(line, "stage", note.group("value"));
            }
        } else if (note.group("name").matches("does|for each")) {
            add(line, note.group("name"), note.group("value"));
        } else {
            notes.put(note.group("name"), note.group("value"));
        }
    }

    private void add(int line, String language, String text) {
        blocks.add(new Block(line, language, text, Map.copyOf(notes)));
        notes.clear();
    }

    private String next() {
        if (++at == lines.size()) {
            throw wrong("it ends in the middle of a block or comment");
        }
        return lines.get(at);
    }

    private AssertionError wrong(String what) {
        return new AssertionError("%s:%d: %s".formatted(file, at + 1, what));
    }
}
