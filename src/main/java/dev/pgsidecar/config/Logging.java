package dev.pgsidecar.config;

import dev.pgsidecar.config.Settings.LogFormat;
import dev.pgsidecar.config.Settings.LogLevel;
import java.util.HashMap;
import java.util.Map;

/** How the agent's log is told what to write, and in which form. */
public final class Logging {

    private Logging() {}

    /**
     * Quarkus' settings for ours, to be set as system properties, above the environment. At debug only the agent's own
     * parts say more: what its libraries would say is for their authors, and may hold more than a log should.
     */
    public static Map<String, String> properties(Settings settings) {
        LogLevel level = settings.log().level();
        Map<String, String> properties = new HashMap<>();
        properties.put("quarkus.log.console.json.enabled", "" + (settings.log().format() == LogFormat.JSON));
        properties.put("quarkus.log.console.json.additional-field.instance.value", settings.instanceName());
        properties.put("quarkus.log.level", graver(level, LogLevel.INFO));
        // Start-up lines of the framework are not the operator's.
        properties.put(category("io.quarkus"), graver(level, LogLevel.WARN));
        properties.put(category("dev.pgsidecar"), level.name());
        settings.log()
                .categories()
                .forEach(each ->
                        properties.put(category(each.name()), each.level().name()));
        return properties;
    }

    private static String category(String name) {
        return "quarkus.log.category.\"%s\".level".formatted(name);
    }

    private static String graver(LogLevel one, LogLevel other) {
        return (one.compareTo(other) < 0 ? one : other).name();
    }
}
