package dev.pgsidecar.cli;

import io.vertx.core.json.JsonObject;

/** Shows an operation live, until it has ended. */
final class Following {

    private Following() {}

    /** The exit code that its end means; where the agent is lost on the way, that it may still run. */
    static int toTheEnd(Api agent, JsonObject operation, boolean json) {
        JsonObject[] last = {operation};
        Report report = new Report();
        String path = "/v1/operations/" + operation.getString("id");
        if (!json) {
            System.err.println(operation.getString("id"));
        }
        agent.follow(path + "/events", event -> {
            last[0] = event;
            if (!json) {
                report.progress(event);
            }
        });
        if (last[0].getString("state").equals("running")) {
            last[0] = afterTheLineBroke(agent, path, last[0]);
        }
        if (json) {
            System.out.println(last[0].encodePrettily());
        }
        return json ? code(last[0]) : Report.outcome(last[0]);
    }

    private static JsonObject afterTheLineBroke(Api agent, String path, JsonObject last) {
        try {
            Api.Answer now = agent.get(path);
            return now.isError() ? last : now.body();
        } catch (Unreachable e) {
            System.err.println("pgsidecar: " + e.getMessage() + "; the operation may still run");
            return last;
        }
    }

    private static int code(JsonObject operation) {
        return switch (operation.getString("state")) {
            case "succeeded" -> Report.DONE;
            case "running" -> Report.STILL_RUNNING;
            default -> Report.FAILED;
        };
    }
}
