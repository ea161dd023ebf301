package dev.pgsidecar.cli;

import io.vertx.core.json.JsonObject;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code pgsidecar partitions convert}: makes a live table a partition set. */
@Command(
        name = "convert",
        mixinStandardHelpOptions = true,
        description = {
            "Makes a table a partition set while it is in use. It can be finished or reverted afterwards;",
            "until then the old table is kept equal. With --dry-run it shows the plan."
        })
final class ConvertCommand extends ApiCommand {

    @Option(names = "--database", required = true, paramLabel = "NAME", description = "The table's database.")
    private String database;

    @Option(names = "--table", required = true, paramLabel = "TABLE", description = "The table, such as public.orders.")
    private String table;

    @Option(
            names = "--control",
            required = true,
            paramLabel = "COLUMN",
            description = "The column that rows are to be parted by.")
    private String control;

    @Option(
            names = "--interval",
            required = true,
            paramLabel = "LENGTH",
            description = "Of a partition: 1 day, or a number.")
    private String interval;

    @Option(names = "--premake", paramLabel = "N", description = "Partitions made ahead (default: 4).")
    private Integer premake;

    @Option(
            names = "--retention",
            paramLabel = "LENGTH",
            description = "Older partitions are dropped, once it is finished.")
    private String retention;

    @Option(
            names = "--max-lag",
            paramLabel = "SIZE",
            description = "It waits while a standby is further behind (default: 64MB).")
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
        if (premake != null) {
            body.put("premake", premake);
        }
        if (retention != null) {
            body.put("retention", retention);
        }
        if (maxLag != null) {
            body.put("maxLag", maxLag);
        }
        return order("/v1/partitions/conversions", body, order);
    }
}
