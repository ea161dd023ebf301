package dev.pgsidecar.cli;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
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

    @Option(
            names = "--waive",
            paramLabel = "CHECK",
            description = "A failed check that you override at your own risk; may be repeated.")
    private List<String> waive = new ArrayList<>();

    @Option(names = "--dry-run", description = "Only checks.")
    private boolean dryRun;

    @Override
    int run() throws UsageException, Unreachable {
        JsonObject body = new JsonObject().put("waive", new JsonArray(waive));
        if (generation != null) {
            body.put("generation", generation);
        }
        return order("/v1/writes/resume", body, dryRun);
    }
}
