package dev.pgsidecar.cli;

import picocli.CommandLine.Command;

/** {@code pgsidecar partitions}: the partition sets, and how long they last. */
@Command(
        name = "partitions",
        mixinStandardHelpOptions = true,
        description = "Shows pg_partman's sets, keeps them maintained, and empties default partitions.",
        footer = {
            "",
            "Without a command it lists the sets.",
            "",
            "    pgsidecar partitions",
            "    pgsidecar partitions list --set public.orders",
            "    pgsidecar partitions maintain",
            "    pgsidecar partitions rescue --database app --set public.orders --dry-run"
        },
        subcommands = {PartitionsListCommand.class, MaintainCommand.class, RescueCommand.class})
final class PartitionsCommand extends ApiCommand {

    @Override
    int run() throws UsageException, Unreachable {
        Api.Answer answer = options().agent().get("/v1/partitions");
        if (answer.isError()) {
            return error(answer);
        }
        return options().json() ? print(answer) : PartitionsListCommand.sets(answer.body());
    }
}
