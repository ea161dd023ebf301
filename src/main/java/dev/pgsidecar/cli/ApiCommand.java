package dev.pgsidecar.cli;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import picocli.CommandLine.Mixin;

/** What commands that speak to an agent have in common. */
abstract class ApiCommand implements Callable<Integer> {

    @Mixin
    private AgentOptions options;

    AgentOptions options() {
        return options;
    }

    /** Does it, and says how it ended. */
    abstract int run() throws UsageException, Unreachable;

    @Override
    public Integer call() {
        try {
            return run();
        } catch (UsageException e) {
            System.err.println("pgsidecar: " + e.getMessage());
            return Main.USAGE;
        } catch (Unreachable e) {
            System.err.println("pgsidecar: " + e.getMessage());
            return Report.UNREACHABLE;
        }
    }

    /** Orders, or with a dry run only has it judged, and shows how it goes; returns the exit code. */
    int order(String path, JsonObject body, OrderOptions order) throws UsageException, Unreachable {
        Api agent = options().agent();
        body.put("waive", new JsonArray(order.waive()));
        if (order.dryRun()) {
            return judged(agent.post(path + "?dryRun=true", body, Map.of()));
        }
        Api.Answer answer = agent.post(
                path, body, Map.of("Idempotency-Key", UUID.randomUUID().toString()));
        return answer.isError()
                ? error(answer)
                : Following.toTheEnd(agent, answer.body(), options().json());
    }

    /** How a further command names the same agent. */
    String sameAgent() {
        return options().name().map(name -> " --agent " + name).orElse("");
    }

    /** Shows an error as it was asked for. */
    int error(Api.Answer answer) {
        return options().json() ? print(answer) : Report.problem(answer);
    }

    private int judged(Api.Answer answer) {
        if (answer.isError()) {
            return error(answer);
        }
        boolean would = answer.body().getBoolean("wouldRun");
        if (options().json()) {
            print(answer);
            return would ? Report.DONE : Report.REFUSED;
        }
        Report.checks(answer.body());
        Optional.ofNullable(answer.body().getJsonObject("plan"))
                .ifPresent(plan -> System.out.println(System.lineSeparator() + Conversions.plan(plan)));
        System.out.println(would ? "It would be carried out." : "It would be refused.");
        return would ? Report.DONE : Report.REFUSED;
    }

    /** Prints an answer as it came, where that was asked for. */
    int print(Api.Answer answer) {
        System.out.println(answer.body().encodePrettily());
        return answer.isError() ? Report.REFUSED : Report.DONE;
    }
}
