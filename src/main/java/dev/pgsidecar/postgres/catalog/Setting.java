package dev.pgsidecar.postgres.catalog;

import java.util.Map;
import java.util.Optional;

/**
 * A server setting, from pg_settings.
 *
 * @param shown in {@code SHOW}'s words
 * @param value as a number, if it is one: sizes in bytes, times in seconds, on and off as 1 and 0; -1 is what the setting
 *     means by it
 * @param measure {@code bytes} or {@code seconds}, empty for a plain number
 */
public record Setting(String name, String shown, Optional<Double> value, String measure) {

    private static final Map<String, Double> BYTES =
            Map.of("B", 1.0, "kB", 1024.0, "8kB", 8192.0, "MB", 1048576.0, "16MB", 16777216.0);
    private static final Map<String, Double> SECONDS = Map.of("us", 1e-6, "ms", 1e-3, "s", 1.0, "min", 60.0);

    static Setting of(Fields fields) {
        String unit = fields.text("unit").orElse("");
        String setting = fields.text("setting").orElse("");
        return new Setting(
                fields.text("name").orElseThrow(),
                fields.text("shown").orElse(""),
                switch (fields.text("type").orElse("")) {
                    case "bool" -> Optional.of(setting.equals("on") ? 1.0 : 0.0);
                    case "integer", "real" -> Optional.of(scaled(Double.parseDouble(setting), unit));
                    default -> Optional.empty();
                },
                BYTES.containsKey(unit) ? "bytes" : SECONDS.containsKey(unit) ? "seconds" : "");
    }

    private static double scaled(double number, String unit) {
        return number == -1 ? -1 : number * BYTES.getOrDefault(unit, SECONDS.getOrDefault(unit, 1.0));
    }
}
