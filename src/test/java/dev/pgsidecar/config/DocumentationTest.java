package dev.pgsidecar.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** docs/configuration.md has every key, its default and what is allowed, and no other. */
class DocumentationTest {

    private static final String NAMES_ITSELF = "the host name";

    @Test
    void tellsTheKeysAsTheyAre() throws IOException, InvalidConfiguration {
        List<String> effective = Configuration.load(
                        Optional.of(Path.of("src/test/resources/empty.yaml")), Map.of(), Map.of())
                .effective();
        List<String> expected = Key.ALL.stream()
                .map(key -> "| `%s` | %s | %s |".formatted(key.name(), defaultOf(key, effective), key.allowed()))
                .toList();
        List<String> documented = Files.readAllLines(Path.of("docs/configuration.md")).stream()
                .filter(line -> line.startsWith("| `pgsidecar."))
                .map(line -> line.substring(0, line.indexOf('|', line.indexOf('|', line.indexOf('|', 1) + 1) + 1) + 1))
                .toList();
        assertThat(documented).containsExactlyInAnyOrderElementsOf(expected);
    }

    private static String defaultOf(Key key, List<String> effective) {
        String line = effective.stream()
                .filter(each -> each.startsWith(key.name() + ": "))
                .findFirst()
                .orElse(key.name() + ": (not set)"); // a list's key, and the list is empty
        String value = line.substring(key.name().length() + 2);
        if (key.name().equals("pgsidecar.name")) {
            return NAMES_ITSELF;
        }
        return value.equals("(not set)") ? "" : "`" + value.replace("  # default", "") + "`";
    }
}
