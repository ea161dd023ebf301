package dev.pgsidecar.cli;

import io.vertx.core.json.JsonObject;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code pgsidecar partitions rescue}: gives the rows of a default partition partitions of their own. */
@Command(
        name = "rescue",
        mixinStandardHelpOptions = true,
        description = {
            "Moves the rows of a default partition into partitions of their own, one missing partition",
            "after the other; then maintains the set. Ordered again it goes on with what is left."
        })
final class RescueCommand extends ApiCommand {

    @Option(names = "--database", required = true, paramLabel = "NAME", description = "The set's database.")
    private String database;

    @Option(names = "--set", required = true, paramLabel = "SET", description = "The set, such as public.orders.")
    private String set;

    @Mixin
    private OrderOptions order;

    @Override
    int run() throws UsageException, Unreachable {
        return order(
                "/v1/partitions/rescue",
                new JsonObject().put("database", database).put("set", set),
                order);
    }
}
