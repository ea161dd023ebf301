package dev.pgsidecar.cli;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Conversions for people: the plan, how far one is, and what can be done next. Pure text. */
final class Conversions {

    private static final int BAR = 24;

    private Conversions() {}

    /** The plan of a dry run. */
    static String plan(JsonObject plan) {
        List<String> lines = new ArrayList<>();
        lines.add("%s: about %,d rows, %s; %d partitions; about %s"
                .formatted(
                        plan.getString("table"),
                        plan.getLong("rows"),
                        PartitionsListCommand.size(plan.getLong("bytes")),
                        plan.getLong("partitions"),
                        time(plan.getLong("estimatedSeconds"))));
        part(lines, "carried", plan, "carried");
        part(lines, "not carried", plan, "notCarried");
        part(lines, "errors that clients may get afterwards", plan, "clientErrors");
        part(lines, "ON CONFLICT is used on it, as it seems, by", plan, "statements");
        part(lines, "statements that make the new table", plan, "ddl");
        return String.join(System.lineSeparator(), lines);
    }

    private static void part(List<String> lines, String title, JsonObject plan, String name) {
        JsonArray values = plan.getJsonArray(name, new JsonArray());
        lines.add("");
        lines.add(values.isEmpty() ? title + ": none" : title + ":");
        values.stream()
                .flatMap(value -> (value.toString() + (name.equals("ddl") ? ";" : "")).lines())
                .forEach(line -> lines.add("  " + line));
    }

    /** How far a conversion is, on one line. */
    static String progress(JsonObject progress) {
        double percent = progress.getDouble("percent");
        int full = Math.clamp(Math.round(percent / 100 * BAR), 0, BAR);
        long perSecond = progress.getLong("rowsPerSecond");
        return "  %-9s [%s%s] %5.1f %%  %,d of about %,d rows%s%s"
                .formatted(
                        progress.getString("phase").equals("attached") ? "copying" : "comparing",
                        "#".repeat(full),
                        "-".repeat(BAR - full),
                        percent,
                        progress.getLong("rows"),
                        progress.getLong("total"),
                        perSecond == 0
                                ? ""
                                : ", %,d a second, %s left".formatted(perSecond, time(progress.getLong("secondsLeft"))),
                        Optional.ofNullable(progress.getLong("standbyLagBytes"))
                                .map(bytes -> ", standby " + PartitionsListCommand.size(bytes) + " behind")
                                .orElse(""));
    }

    private static String time(long seconds) {
        Duration time = Duration.ofSeconds(seconds);
        return time.toHours() > 0
                ? "%d h %02d min".formatted(time.toHours(), time.toMinutesPart())
                : time.toMinutes() > 0
                        ? "%d min %02d s".formatted(time.toMinutes(), time.toSecondsPart())
                        : seconds + " s";
    }

    /** A row for each conversion that is not over; empty if there is none. */
    static Optional<String> table(JsonObject partitions) {
        Table table = new Table("conversion", "table", "interval", "phase", "rows", "of about", "began", "next");
        long[] found = {0};
        Report.objects(partitions, "databases")
                .flatMap(database -> Report.objects(database, "conversions"))
                .forEach(each -> {
                    found[0]++;
                    table.row(
                            each.getString("id"),
                            each.getString("table"),
                            each.getString("interval"),
                            each.getString("phase") + (each.getBoolean("paused") ? ", paused" : ""),
                            each.getLong("rows"),
                            each.getLong("total"),
                            each.getString("began").substring(0, 19),
                            next(each));
                });
        return found[0] == 0 ? Optional.empty() : Optional.of(table.toString());
    }

    /** The command that comes next. */
    static String next(JsonObject conversion) {
        String id = conversion.getString("id");
        if (conversion.getBoolean("paused")) {
            return "pgsidecar partitions resume " + id;
        }
        return switch (conversion.getString("phase")) {
            case "converted" -> "pgsidecar partitions finish %1$s, or revert %1$s".formatted(id);
            case "swapped" -> "wait; pgsidecar partitions revert " + id + " takes it back";
            case "reverting", "reverted", "cancelling" -> "wait; it goes on by itself";
            default -> "wait; pgsidecar partitions pause %1$s, or cancel %1$s".formatted(id);
        };
    }
}
