package dev.pgsidecar.cli;

import io.vertx.core.json.JsonObject;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code pgsidecar promote}: makes a standby the primary. */
@Command(
        name = "promote",
        mixinStandardHelpOptions = true,
        description = "Makes the standby beside an agent the primary, after checks, and shows how it goes.",
        footer = {
            "",
            "The primary must be gone: stopped (--expect-checkpoint, from its pg_controldata), or dead and fenced",
            "(--dead its name); or it lives, and has handed over its paused writes (--generation). Exit codes: 0 done, 1 refused, 2 usage, 3 unreachable, 4 failed, 5 still running.",
            "",
            "    pgsidecar promote --agent pg-1 --dead pg-0 --dry-run",
            "    pgsidecar promote --agent pg-1 --dead pg-0"
        })
final class PromoteCommand extends ApiCommand {

    @Option(names = "--dead", paramLabel = "NAME", description = "The primary that you made sure is dead.")
    private String dead;

    @Option(
            names = "--expect-checkpoint",
            paramLabel = "LSN",
            description = {
                "The stopped primary's \"Latest checkpoint location\", from its pg_controldata,",
                "only where \"Database cluster state\" is \"shut down\"."
            })
    private String checkpoint;

    @Option(
            names = "--generation",
            paramLabel = "N",
            description = "The write pause that a living primary has handed over (pgsidecar writes commit).")
    private Long generation;

    @Option(
            names = "--max-lag",
            paramLabel = "SIZE",
            description = "How much received WAL may still wait for replay, such as 16MB (default: 0).")
    private String maxLag;

    @Mixin
    private OrderOptions order;

    @Override
    int run() throws UsageException, Unreachable {
        JsonObject body = new JsonObject();
        if (dead != null) {
            body.put("deadPrimary", dead);
        }
        if (checkpoint != null) {
            body.put("expect", new JsonObject().put("checkpointLsn", checkpoint));
        }
        if (maxLag != null) {
            body.put("maxLag", maxLag);
        }
        if (generation != null) {
            body.put("generation", generation);
        }
        return order("/v1/promote", body, order);
    }
}
