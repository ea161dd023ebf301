package dev.pgsidecar.cli;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** What the agent says about checks, steps and errors, for people; and the exit code that it means. */
final class Report {

    static final int DONE = 0;
    static final int REFUSED = 1;
    static final int UNREACHABLE = 3;
    static final int FAILED = 4;
    static final int STILL_RUNNING = 5;

    private final Map<String, String> told = new HashMap<>();
    private final LiveLine live = LiveLine.onErrors();

    /** Prints an error that the agent answered. */
    static int problem(Api.Answer answer) {
        JsonObject body = answer.body();
        System.err.printf("pgsidecar: %s: %s%n", body.getString("title"), body.getString("detail"));
        objects(body, "checks")
                .filter(check -> "failed".equals(check.getString("outcome")))
                .forEach(Report::failed);
        if (body.getString("hint") != null && body.getJsonArray("checks") == null) {
            System.err.println("  next: " + body.getString("hint"));
        }
        return switch (answer.status()) {
            case 400, 422 -> Main.USAGE;
            default -> answer.status() >= 500 ? FAILED : REFUSED;
        };
    }

    /** Prints checks as they were judged. */
    static void checks(JsonObject body) {
        Table table = new Table("check", "", "found", "required");
        objects(body, "checks")
                .forEach(check -> table.row(
                        check.getString("name"),
                        check.getString("outcome"),
                        check.getString("found"),
                        check.getString("required")));
        System.out.println(table);
        objects(body, "checks")
                .filter(check -> "failed".equals(check.getString("outcome")))
                .forEach(Report::failed);
    }

    private static void failed(JsonObject check) {
        System.err.printf(
                "  %s: found %s; required: %s%n",
                check.getString("name"), check.getString("found"), check.getString("required"));
        System.err.printf(
                "    next: %s%s%n",
                check.getString("hint"),
                check.getBoolean("waivable", false) ? " (--waive " + check.getString("name") + ")" : "");
    }

    /** Prints what steps that run say, and those that have ended since the last time. */
    void progress(JsonObject operation) {
        JsonObject measured =
                operation.getJsonObject("result", new JsonObject()).getJsonObject("progress");
        objects(operation, "steps").forEach(step -> {
            String state = step.getString("state");
            boolean quiet = state.equals("running") && step.getString("note").isEmpty();
            String said = state + step.getString("note");
            if (quiet || said.equals(told.put(step.getString("name"), said))) {
                return;
            }
            if (measured != null
                    && state.equals("running")
                    && !step.getString("note").startsWith("waiting")) {
                live.show(Conversions.progress(measured));
            } else {
                live.end();
                System.err.printf("  %-16s %-8s %s%n", step.getString("name"), state, step.getString("note"));
            }
        });
    }

    /** Prints how an operation ended. */
    static int outcome(JsonObject operation) {
        String state = operation.getString("state");
        System.out.printf("%s %s%n", operation.getString("id"), state);
        JsonObject result = operation.getJsonObject("result", new JsonObject());
        for (String name : List.of("generation", "guarantee", "finalLsn", "timeline")) {
            Optional.ofNullable(result.getValue(name)).ifPresent(value -> System.out.printf("  %s: %s%n", name, value));
        }
        Optional.ofNullable(result.getString("undone")).ifPresent(text -> System.out.println("  " + text));
        Optional.ofNullable(result.getString("conversion"))
                .ifPresent(id -> System.out.printf("  conversion: %s%s%n", id, next(operation, id)));
        objects(result, "sets").forEach(Report::set);
        for (String name : List.of("rows", "partitions", "made", "dropped")) {
            Optional.ofNullable(result.getValue(name)).ifPresent(value -> System.out.printf("  %s: %s%n", name, value));
        }
        for (String name : List.of("couldStillWrite", "kept", "left")) {
            result.getJsonArray(name, new JsonArray()).forEach(value -> System.out.printf("  %s: %s%n", name, value));
        }
        result.getJsonArray("warnings", new JsonArray()).forEach(warning -> System.out.println("  note: " + warning));
        if (operation.getString("failure") != null) {
            System.err.println("pgsidecar: " + operation.getString("failure"));
        }
        if (operation.getString("hint") != null) {
            System.err.println("  next: " + operation.getString("hint"));
        }
        return switch (state) {
            case "succeeded" -> DONE;
            case "running" -> STILL_RUNNING;
            default -> FAILED;
        };
    }

    private static String next(JsonObject operation, String id) {
        boolean converted =
                "conversion".equals(operation.getString("kind")) && "succeeded".equals(operation.getString("state"));
        return converted
                ? "; clients use the set. Next: pgsidecar partitions finish %1$s, or revert %1$s".formatted(id)
                : "";
    }

    private static void set(JsonObject run) {
        System.out.printf(
                "  %s %s: %s, %d made, %d dropped%s%n",
                run.getString("database"),
                run.getString("set"),
                run.getString("outcome"),
                run.getLong("made"),
                run.getLong("dropped"),
                run.getString("reason", "").isEmpty() ? "" : "; " + run.getString("reason"));
        if (!run.getString("hint", "").isEmpty()) {
            System.out.println("    next: " + run.getString("hint"));
        }
    }

    static Stream<JsonObject> objects(JsonObject body, String name) {
        return body.getJsonArray(name, new JsonArray()).stream().map(JsonObject.class::cast);
    }
}
