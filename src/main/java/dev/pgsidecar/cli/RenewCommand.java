package dev.pgsidecar.cli;

import io.vertx.core.json.JsonObject;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code pgsidecar writes renew}: prolongs a lease. */
@Command(name = "renew", mixinStandardHelpOptions = true, description = "Prolongs the lease of a pause, from now on.")
final class RenewCommand extends ApiCommand {

    @Option(
            names = "--generation",
            required = true,
            paramLabel = "N",
            description = "Which pause; \"pgsidecar writes status\" tells.")
    private long generation;

    @Option(names = "--ttl", paramLabel = "TIME", description = "From now, 2s to 1h (default: 60s).")
    private String ttl;

    @Override
    int run() throws UsageException, Unreachable {
        JsonObject body = new JsonObject().put("generation", generation);
        if (ttl != null) {
            body.put("ttl", ttl);
        }
        Api.Answer answer = options().agent().put("/v1/writes/lease", body);
        if (answer.isError()) {
            return error(answer);
        }
        if (options().json()) {
            return print(answer);
        }
        System.out.printf(
                "generation %d is held until %s%n", generation, answer.body().getString("expiresAt"));
        return Report.DONE;
    }
}
