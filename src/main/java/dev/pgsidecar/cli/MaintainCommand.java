package dev.pgsidecar.cli;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code pgsidecar partitions maintain}: what the schedule does, now. */
@Command(
        name = "maintain",
        mixinStandardHelpOptions = true,
        description = "Makes the partitions that are due and drops those that retention gives up, now.")
final class MaintainCommand extends ApiCommand {

    @Option(
            names = "--database",
            paramLabel = "NAME",
            description = "Only there; may be repeated (default: all configured).")
    private List<String> databases;

    @Option(names = "--set", paramLabel = "SET", description = "Only this set, such as public.orders; may be repeated.")
    private List<String> sets;

    @Mixin
    private OrderOptions order;

    @Override
    int run() throws UsageException, Unreachable {
        JsonObject body = new JsonObject();
        if (databases != null) {
            body.put("databases", new JsonArray(databases));
        }
        if (sets != null) {
            body.put("sets", new JsonArray(sets));
        }
        return order("/v1/partitions/maintenance", body, order);
    }
}
