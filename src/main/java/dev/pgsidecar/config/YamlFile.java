package dev.pgsidecar.config;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;

/**
 * A YAML mapping as keys and values: {@code a.b}, and {@code a[0]} in lists. A key given twice, and text that YAML takes
 * for something else (a password 0123 is the number 83), are mistakes.
 */
final class YamlFile {

    private final Map<String, String> values = new TreeMap<>();

    private YamlFile() {}

    /**
     * Reads the text.
     *
     * @throws IllegalArgumentException with what is wrong, and where; never with the text itself, which may be a secret
     */
    static Map<String, String> read(String text) {
        LoaderOptions options = new LoaderOptions();
        options.setAllowDuplicateKeys(false);
        Object root;
        try {
            root = new Yaml(new SafeConstructor(options)).load(text);
        } catch (MarkedYAMLException e) {
            String where = e.getProblemMark() == null
                    ? ""
                    : ", line %d, column %d"
                            .formatted(
                                    e.getProblemMark().getLine() + 1,
                                    e.getProblemMark().getColumn() + 1);
            throw new IllegalArgumentException(e.getProblem() + where, e);
        } catch (YAMLException e) {
            throw new IllegalArgumentException("it cannot be parsed", e);
        }
        if (root != null && !(root instanceof Map)) {
            throw new IllegalArgumentException("it holds no mapping");
        }
        YamlFile file = new YamlFile();
        if (root != null) {
            file.flatten("", root);
        }
        return file.values;
    }

    private void flatten(String name, Object node) {
        switch (node) {
            case null -> values.put(name, "");
            case Map<?, ?> mapping ->
                mapping.forEach((key, value) -> flatten(name.isEmpty() ? "" + key : name + "." + key, value));
            case List<?> list
            when !list.isEmpty() && list.stream().noneMatch(YamlFile::isNested) -> {
                list.forEach(each -> requireQuoted(name, each));
                values.put(
                        name,
                        list.stream()
                                .map(each -> each.toString().replace(",", "\\,"))
                                .collect(Collectors.joining(",")));
            }
            case List<?> list -> {
                for (int index = 0; index < list.size(); index++) {
                    flatten(name + "[" + index + "]", list.get(index));
                }
            }
            default -> {
                requireQuoted(name, node);
                values.put(name, node.toString());
            }
        }
    }

    private static boolean isNested(Object node) {
        return node == null || node instanceof Map || node instanceof List;
    }

    private static void requireQuoted(String name, Object scalar) {
        boolean text = Key.ALL.stream().anyMatch(key -> key.name().equals(Key.general(name)) && key.holdsText());
        if (text && !(scalar instanceof String)) {
            throw new IllegalArgumentException(name + " is no text for YAML: put it in quotes");
        }
    }
}
