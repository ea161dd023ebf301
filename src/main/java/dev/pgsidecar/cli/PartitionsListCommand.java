package dev.pgsidecar.cli;

import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code pgsidecar partitions list}: all sets, or one with its partitions. */
@Command(
        name = "list",
        mixinStandardHelpOptions = true,
        description = "Shows all sets with how long they last; or one set with its partitions.")
final class PartitionsListCommand extends ApiCommand {

    @Option(
            names = "--set",
            paramLabel = "SET",
            description = "Shows the partitions of this set, such as public.orders.")
    private String set;

    @Override
    int run() throws UsageException, Unreachable {
        Api.Answer answer = options().agent().get("/v1/partitions");
        if (answer.isError()) {
            return error(answer);
        }
        if (options().json()) {
            return print(answer);
        }
        return set == null ? sets(answer.body()) : partitions(answer.body(), set);
    }

    /** Prints a row for each set, and below what is remarkable. */
    static int sets(JsonObject body) {
        if (body.getJsonArray("databases").isEmpty()) {
            System.out.println("no databases are configured: partition.databases in the agent's configuration");
            return Report.DONE;
        }
        Table table = new Table(
                "database",
                "set",
                "interval",
                "partitions",
                "size",
                "lasts",
                "in default",
                "retention due",
                "maintained");
        List<String> notes = new ArrayList<>();
        Report.objects(body, "databases").forEach(database -> {
            notes(database, notes);
            Report.objects(database, "sets").forEach(each -> {
                table.row(
                        database.getString("database"),
                        each.getString("set"),
                        each.getString("interval"),
                        each.getJsonArray("partitions").size(),
                        size(each.getLong("bytes")),
                        lasts(each),
                        inDefault(each),
                        each.getInteger("retentionDue"),
                        maintained(each));
                notes(database.getString("database"), each, notes);
            });
        });
        System.out.println(table);
        System.out.println(
                body.getString("nextRun") == null
                        ? "mode report: nothing is maintained by this agent"
                        : "next run " + body.getString("nextRun"));
        Conversions.table(body).ifPresent(text -> System.out.println(System.lineSeparator() + text));
        notes.forEach(note -> System.err.println("pgsidecar: " + note));
        return Report.DONE;
    }

    private static void notes(JsonObject database, List<String> notes) {
        String name = database.getString("database");
        if (database.getString("state").equals("not-installed")) {
            notes.add(name + ": pg_partman is not installed");
        }
        Optional.ofNullable(database.getJsonObject("failure"))
                .ifPresent(failure -> notes.add(
                        "%s: %s: %s".formatted(name, failure.getString("reason"), failure.getString("detail"))));
        Optional.ofNullable(database.getString("unseen")).ifPresent(what -> notes.add(name + ": " + what));
        database.getJsonArray("maintainedBy")
                .forEach(other ->
                        notes.add("%s: maintained by %s, not by the schedule of this agent".formatted(name, other)));
    }

    private static void notes(String database, JsonObject set, List<String> notes) {
        String name = database + " " + set.getString("set");
        for (String field : List.of("leftAlone", "trouble")) {
            Optional.ofNullable(set.getString(field)).ifPresent(why -> notes.add("%s: %s".formatted(name, why)));
        }
        if (set.getString("rights").equals("missing")) {
            notes.add("%s: the rights of its owner are missing: psql -X -d %s -f caretaker.sql"
                    .formatted(name, database));
        }
        JsonObject last = set.getJsonObject("lastMaintenance", new JsonObject());
        if (!last.getString("reason", "").isEmpty()) {
            notes.add("%s: %s: %s".formatted(name, last.getString("outcome"), last.getString("reason")));
        }
        if (!last.getString("hint", "").isEmpty()) {
            notes.add("  next: " + last.getString("hint"));
        }
    }

    private static int partitions(JsonObject body, String name) {
        Table table = new Table("database", "partition", "from", "to", "size");
        int[] found = {0};
        Report.objects(body, "databases").forEach(database -> Report.objects(database, "sets")
                .filter(each -> each.getString("set").equals(name))
                .forEach(each -> {
                    found[0]++;
                    rows(table, database.getString("database"), each);
                }));
        if (found[0] == 0) {
            System.err.println("pgsidecar: no set " + name + ": pgsidecar partitions lists them");
            return Report.REFUSED;
        }
        System.out.println(table);
        return Report.DONE;
    }

    private static void rows(Table table, String database, JsonObject set) {
        Report.objects(set, "partitions")
                .forEach(partition -> table.row(
                        database,
                        partition.getString("name"),
                        partition.getValue("from"),
                        partition.getValue("to"),
                        size(partition.getLong("bytes"))));
        JsonObject other = set.getJsonObject("default");
        if (other == null) {
            return;
        }
        table.row(database, other.getString("name"), "default", rows(other), size(other.getLong("bytes")));
        Report.objects(other, "ranges")
                .forEach(range -> table.row(
                        database,
                        "  rows without a partition",
                        range.getValue("from"),
                        range.getValue("to"),
                        range.getLong("rows") + " rows"));
    }

    private static String lasts(JsonObject set) {
        if (set.getLong("secondsUntilDefault") != null) {
            return duration(Duration.ofSeconds(set.getLong("secondsUntilDefault")));
        }
        return set.getLong("numbersUntilDefault") == null ? null : set.getLong("numbersUntilDefault") + " numbers";
    }

    private static String duration(Duration left) {
        return left.toDays() > 1
                ? left.toDays() + " days"
                : left.toHours() > 1 ? left.toHours() + " h" : left.toMinutes() + " min";
    }

    private static String inDefault(JsonObject set) {
        JsonObject other = set.getJsonObject("default");
        return other == null ? null : rows(other);
    }

    private static String rows(JsonObject other) {
        return other.getLong("rows") + (other.getBoolean("orMore") ? " or more rows" : " rows");
    }

    private static String maintained(JsonObject set) {
        JsonObject last = set.getJsonObject("lastMaintenance");
        return last == null
                ? "never"
                : last.getString("outcome") + " " + last.getString("at").substring(0, 19);
    }

    static String size(long bytes) {
        String[] units = {"B", "kB", "MB", "GB", "TB"};
        double value = bytes;
        int unit = 0;
        while (value >= 1024 && unit < units.length - 1) {
            value /= 1024;
            unit++;
        }
        return (unit == 0 ? "%.0f %s" : "%.1f %s").formatted(value, units[unit]);
    }
}
