package dev.pgsidecar.cli;

import picocli.CommandLine.Command;

/** {@code pgsidecar partitions}: the partition sets, and how long they last. */
@Command(
        name = "partitions",
        mixinStandardHelpOptions = true,
        description =
                "Shows pg_partman's sets, keeps them maintained, empties default partitions, and makes tables sets.",
        footer = {
            "",
            "Without a command it lists the sets.",
            "",
            "    pgsidecar partitions",
            "    pgsidecar partitions list --set public.orders",
            "    pgsidecar partitions maintain",
            "    pgsidecar partitions rescue --database app --set public.orders --dry-run",
            "    pgsidecar partitions convert --database app --table public.orders --control created_at --interval '1 day' --dry-run",
            "    pgsidecar partitions finish app-3"
        },
        subcommands = {
            PartitionsListCommand.class,
            MaintainCommand.class,
            RescueCommand.class,
            ConvertCommand.class,
            ConversionActs.Pause.class,
            ConversionActs.Resume.class,
            ConversionActs.Cancel.class,
            ConversionActs.Finish.class,
            ConversionActs.Revert.class
        })
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
