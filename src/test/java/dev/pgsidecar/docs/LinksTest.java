package dev.pgsidecar.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Every link from a document into this repository leads somewhere, to the heading that it names. */
class LinksTest {

    private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)");
    private static final Pattern FENCED = Pattern.compile("(?ms)^ *```.*?^ *```");

    @Test
    void leadSomewhere() throws IOException {
        List<String> broken = new ArrayList<>();
        for (Path document : documents()) {
            List<String> links = LINK.matcher(prose(document))
                    .results()
                    .map(link -> link.group(1))
                    .filter(link -> !link.matches("[a-z]+:.*"))
                    .toList();
            for (String link : links) {
                String[] parts = link.split("#", 2);
                Path target = parts[0].isEmpty()
                        ? document
                        : Path.of("").resolve(document).resolveSibling(parts[0]).normalize();
                if (!Files.exists(target)) {
                    broken.add("%s: no file %s".formatted(document, link));
                } else if (parts.length == 2 && !headings(target).contains(parts[1])) {
                    broken.add("%s: no heading %s among %s".formatted(document, link, headings(target)));
                }
            }
        }
        assertThat(broken).isEmpty();
    }

    private static List<Path> documents() {
        return Stream.concat(
                        Page.all().stream().map(Page::file),
                        Stream.of(Path.of("CONTRIBUTING.md"), Path.of("CHANGELOG.md")))
                .toList();
    }

    private static String prose(Path document) throws IOException {
        return FENCED.matcher(Files.readString(document)).replaceAll("");
    }

    /** As GitHub names them in a link. */
    private static List<String> headings(Path document) throws IOException {
        return prose(document)
                .lines()
                .filter(line -> line.matches("#{1,6} .*"))
                .map(line -> line.replaceFirst("#+ ", "")
                        .toLowerCase(Locale.ROOT)
                        .replaceAll("[^\\p{L}\\p{N} _-]", "")
                        .replace(' ', '-'))
                .toList();
    }
}
