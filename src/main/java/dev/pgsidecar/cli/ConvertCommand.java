package dev.pgsidecar.cli;

import io.vertx.core.json.JsonObject;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code pgsidecar partitions convert}: makes a table a partition set while it is in use. */
@Command(
        name = "convert",
        mixinStandardHelpOptions = true,
        description = {
            "Makes a table a partition set while clients use it. A dry run shows the plan.",
            "It goes on if this command ends. Until finish, revert takes it back."
        })
final class ConvertCommand extends ApiCommand {

    @Option(names = "--database", required = true, paramLabel = "NAME", description = "The table's database.")
    private String database;

    @Option(names = "--table", required = true, paramLabel = "TABLE", description = "Such as public.orders.")
    private String table;

    @Option(
            names = "--control",
            required = true,
            paramLabel = "COLUMN",
            description = "The column that rows are parted by, such as created_at.")
    private String control;

    @Option(
            names = "--interval",
            required = true,
            paramLabel = "INTERVAL",
            description = "Of a partition: '1 day'; or a number, where the column is one.")
    private String interval;

    @Option(names = "--premake", paramLabel = "N", description = "Partitions to be kept ahead (default: 4).")
    private Integer premake;

    @Option(
            names = "--retention",
            paramLabel = "INTERVAL",
            description = "How long partitions are kept, once it is finished (default: for ever).")
    private String retention;

    @Option(
            names = "--max-lag",
            paramLabel = "SIZE",
            description = "While a standby is further behind it waits (default: 64MB).")
    private String maxLag;

    @Mixin
    private OrderOptions order;

    @Override
    int run() throws UsageException, Unreachable {
        JsonObject body = new JsonObject()
                .put("database", database)
                .put("table", table)
                .put("control", control)
                .put("interval", interval);
        Optional.ofNullable(premake).ifPresent(many -> body.put("premake", many));
        Optional.ofNullable(retention).ifPresent(text -> body.put("retention", text));
        Optional.ofNullable(maxLag).ifPresent(size -> body.put("maxLag", size));
        return order("/v1/partitions/conversions", body, order);
    }
}
