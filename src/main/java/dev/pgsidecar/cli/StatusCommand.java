package dev.pgsidecar.cli;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;

/** {@code pgsidecar status}: one look. */
@Command(
        name = "status",
        mixinStandardHelpOptions = true,
        description = {"Shows what an agent sees; without a name or URL, all agents of the agents file."})
final class StatusCommand extends ApiCommand {

    private final List<String> notes = new ArrayList<>();

    @Override
    int run() throws UsageException, Unreachable {
        List<Api> agents = options().oneOrAll();
        int worst = Report.DONE;
        Table table =
                new Table("name", "role", "state", "timeline", "position", "lag", "upstream", "standbys", "slots");
        JsonArray all = new JsonArray();
        for (Api agent : agents) {
            try {
                Api.Answer answer = agent.get("/v1/instance");
                all.add(answer.body());
                worst = Math.max(worst, answer.isError() ? Report.problem(answer) : row(table, answer.body()));
            } catch (Unreachable e) {
                table.row(agent.name(), null, "unreachable", null, null, null, null, null, null);
                notes.add(e.getMessage());
                worst = Report.UNREACHABLE;
            }
        }
        if (options().json()) {
            System.out.println(
                    agents.size() == 1 && all.size() == 1
                            ? all.getJsonObject(0).encodePrettily()
                            : all.encodePrettily());
        } else {
            System.out.println(table);
        }
        notes.forEach(note -> System.err.println("pgsidecar: " + note));
        return worst;
    }

    private int row(Table table, JsonObject instance) {
        String name = instance.getString("name");
        if (instance.getString("role") == null) {
            JsonObject failure = instance.getJsonObject("failure");
            table.row(name, null, failure.getString("reason"), null, null, null, null, null, null);
            notes.add("%s: %s".formatted(name, failure.getString("detail")));
            return Report.FAILED;
        }
        JsonObject wal = instance.getJsonObject("wal");
        JsonObject lag = instance.getJsonObject("lag");
        JsonObject receiver = instance.getJsonObject("receiver", new JsonObject());
        table.row(
                name,
                instance.getString("role"),
                state(instance),
                instance.getInteger("timeline"),
                position(wal),
                lag == null ? null : lag(lag),
                receiver.getString("upstreamHost") == null
                        ? null
                        : receiver.getString("upstreamHost") + ":" + receiver.getInteger("upstreamPort"),
                Report.objects(instance, "senders")
                        .map(sender -> sender.getString("application")
                                + (sender.getString("syncState") == null
                                        ? ""
                                        : "(" + sender.getString("syncState") + ")"))
                        .collect(Collectors.joining(", ")),
                Report.objects(instance, "slots")
                        .map(slot -> slot.getString("name") + (slot.getBoolean("active") ? "" : "(inactive)"))
                        .collect(Collectors.joining(", ")));
        return Report.DONE;
    }

    /** The end of a primary's WAL, or of the WAL that a standby has received: standbys are compared by it. */
    private static String position(JsonObject wal) {
        return Stream.of("write", "receive", "replay")
                .filter(name -> wal.getLong(name + "Bytes") != null)
                .max(Comparator.comparing(name -> wal.getLong(name + "Bytes")))
                .map(wal::getString)
                .orElse(null);
    }

    /** Two primaries are none if one of them holds its writes back. */
    private static String state(JsonObject instance) {
        JsonObject writes = instance.getJsonObject("writes", new JsonObject());
        boolean primary = instance.getString("role").equals("primary");
        if (!primary || writes.getLong("generation") == null) {
            return instance.getString("state");
        }
        return writes.getString("committedTo") == null
                ? "writes-paused(%.0fs)".formatted(writes.getDouble("leaseSecondsLeft"))
                : "handed-over(%s)".formatted(writes.getString("committedTo"));
    }

    private static String lag(JsonObject lag) {
        Long bytes = lag.getLong("replayBytes");
        Double seconds = lag.getDouble("seconds");
        return (bytes == null ? "unknown" : bytes + " B") + (seconds == null ? "" : ", " + seconds + " s");
    }
}
