package dev.pgsidecar.cli;

import io.vertx.core.json.JsonObject;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code pgsidecar writes commit}: hands paused writes over. */
@Command(
        name = "commit",
        mixinStandardHelpOptions = true,
        description = "Hands the paused writes over to a standby: from then on nothing resumes here by itself.")
final class CommitCommand extends ApiCommand {

    @Option(names = "--generation", required = true, paramLabel = "N", description = "Which pause.")
    private long generation;

    @Option(
            names = "--target",
            required = true,
            paramLabel = "NAME",
            description = "The standby that will be promoted, by its agent's name.")
    private String target;

    @Mixin
    private OrderOptions order;

    @Override
    int run() throws UsageException, Unreachable {
        int code = order(
                "/v1/writes/commit",
                new JsonObject().put("generation", generation).put("target", target),
                order);
        if (code == Report.DONE && !order.dryRun() && !options().json()) {
            System.out.printf("next: pgsidecar promote --agent %s --generation %d%n", target, generation);
        }
        return code;
    }
}
