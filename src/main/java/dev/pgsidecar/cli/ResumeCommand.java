package dev.pgsidecar.cli;

import io.vertx.core.json.JsonObject;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code pgsidecar writes resume}: lets them go on. */
@Command(
        name = "resume",
        mixinStandardHelpOptions = true,
        description = "Ends a pause and puts back every value that it changed.")
final class ResumeCommand extends ApiCommand {

    @Option(
            names = "--generation",
            paramLabel = "N",
            description = "The pause that you mean (default: whichever there is).")
    private Long generation;

    @Mixin
    private OrderOptions order;

    @Override
    int run() throws UsageException, Unreachable {
        JsonObject body = new JsonObject();
        if (generation != null) {
            body.put("generation", generation);
        }
        return order("/v1/writes/resume", body, order);
    }
}
