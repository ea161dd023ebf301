package dev.pgsidecar.cli;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code pgsidecar writes pause}: holds application writes back. */
@Command(
        name = "pause",
        mixinStandardHelpOptions = true,
        description = "Holds application writes back under a lease, ends all sessions, and proves that nobody writes.",
        footer = {
            "",
            "Without --hold the lease ends after --ttl unless \"pgsidecar writes renew\" prolongs it. With --hold this",
            "command renews it until it is interrupted (Ctrl-C), and resumes writes then."
        })
final class PauseCommand extends ApiCommand {

    @Option(names = "--all", description = "All databases but the agent's own.")
    private boolean all;

    @Option(
            names = {"-d", "--database"},
            paramLabel = "NAME",
            description = "A database to hold back; may be repeated.")
    private List<String> databases = new ArrayList<>();

    @Option(
            names = "--method",
            paramLabel = "limit|close",
            description = "limit keeps ordinary roles out (default); close everybody, superusers too.")
    private String method;

    @Option(names = "--ttl", paramLabel = "TIME", description = "How long the lease lasts, 2s to 1h (default: 60s).")
    private String ttl;

    @Option(
            names = "--wait-for",
            paramLabel = "STANDBY",
            description = "A standby, by application_name, that has to have everything; may be repeated.")
    private List<String> standbys = new ArrayList<>();

    @Option(names = "--reason", paramLabel = "TEXT", description = "For people who wonder.")
    private String reason;

    @Option(names = "--hold", description = "Renews the lease until interrupted, then resumes writes.")
    private boolean hold;

    @Mixin
    private OrderOptions order;

    @Override
    int run() throws UsageException, Unreachable {
        JsonObject body = new JsonObject();
        if (all) {
            body.put("all", true);
        }
        if (!databases.isEmpty()) {
            body.put("databases", new JsonArray(databases));
        }
        if (method != null) {
            body.put("method", method);
        }
        if (ttl != null) {
            body.put("ttl", ttl);
        }
        if (!standbys.isEmpty()) {
            body.put("waitForStandbys", new JsonArray(standbys));
        }
        if (reason != null) {
            body.put("reason", reason);
        }
        int code = order("/v1/writes/pause", body, order);
        if (code != Report.DONE || order.dryRun()) {
            return code;
        }
        if (hold) {
            return hold();
        }
        if (!options().json()) {
            System.out.printf(
                    "next: pgsidecar writes renew|commit|resume%s --generation N; it ends by itself%n", sameAgent());
        }
        return code;
    }

    private int hold() throws UsageException, Unreachable {
        Api agent = options().agent();
        Api.Answer now = agent.get("/v1/writes");
        Long generation = now.isError() ? null : now.body().getLong("generation");
        if (generation == null) {
            System.err.println("pgsidecar: the pause has ended already");
            return Report.FAILED;
        }
        return keep(agent, new JsonObject().put("generation", generation));
    }

    /** Until the lease is lost, or somebody ends this command: then the writes go on at once. */
    private int keep(Api agent, JsonObject lease) {
        AtomicBoolean held = new AtomicBoolean(true);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            if (held.get()) {
                resume(agent, lease);
            }
        }));
        JsonObject renewal = ttl == null ? lease : lease.copy().put("ttl", ttl);
        System.err.println("held; Ctrl-C resumes writes");
        while (true) {
            Duration left;
            try {
                Api.Answer answer = agent.put("/v1/writes/lease", renewal);
                if (answer.isError() && answer.status() < 500) {
                    held.set(false);
                    Report.problem(answer);
                    return Report.FAILED;
                }
                left = answer.isError()
                        ? Duration.ofSeconds(1)
                        : Duration.ofMillis((long) (answer.body().getDouble("leaseSecondsLeft") * 1000 / 3));
            } catch (Unreachable e) {
                System.err.println("pgsidecar: not renewed: " + e.getMessage());
                left = Duration.ofSeconds(1);
            }
            try {
                Thread.sleep(left);
            } catch (InterruptedException e) {
                return Report.FAILED;
            }
        }
    }

    private static void resume(Api agent, JsonObject lease) {
        try {
            Api.Answer answer = agent.post("/v1/writes/resume", lease, Map.of("Prefer", "wait=25"));
            if (answer.isError()) {
                Report.problem(answer);
            } else {
                Report.outcome(answer.body());
            }
        } catch (Unreachable e) {
            System.err.println("pgsidecar: not resumed, the lease ends it: " + e.getMessage());
        }
    }
}
