package dev.pgsidecar.cli;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Optional;
import picocli.CommandLine.Command;

/** {@code pgsidecar writes status}: whether they are paused, by whom, until when. */
@Command(
        name = "status",
        mixinStandardHelpOptions = true,
        description = "Shows whether writes are paused, by whom, until when, and how to undo it.")
final class WritesStatusCommand extends ApiCommand {

    @Override
    int run() throws UsageException, Unreachable {
        Api.Answer answer = options().agent().get("/v1/writes");
        if (answer.isError()) {
            return error(answer);
        }
        if (options().json()) {
            return print(answer);
        }
        show(answer.body());
        return Report.DONE;
    }

    /** Prints a pause for people. */
    static void show(JsonObject writes) {
        String state = writes.getString("state");
        if (state.equals("open")) {
            System.out.println("writes are not paused");
            Optional.ofNullable(writes.getJsonObject("last")).ifPresent(WritesStatusCommand::showLast);
            return;
        }
        if (state.equals("not-installed")) {
            System.out.println("writes cannot be paused: install.sql was not run in the agent's database");
            return;
        }
        System.out.printf(
                "%s, generation %d, by %s: %s%n",
                state, writes.getLong("generation"), writes.getString("orderedBy"), writes.getString("reason"));
        line("method", writes.getString("method"));
        line("databases", names(writes.getJsonArray("databases")));
        line("since", "%s (%s s)".formatted(writes.getString("startedAt"), writes.getDouble("heldSeconds")));
        if (writes.getString("committedTo") == null) {
            line("until", "%s (%s s)".formatted(writes.getString("expiresAt"), writes.getDouble("leaseSecondsLeft")));
        } else {
            line("handed over to", writes.getString("committedTo") + ": nothing resumes by itself");
        }
        line("guarantee", writes.getString("guarantee", "not proved yet"));
        line("final LSN", writes.getString("finalLsn", "not known yet"));
        System.out.println("  undo by hand, as a superuser in the agent's database:");
        writes.getJsonArray("undo").forEach(statement -> System.out.println("    " + statement + ";"));
    }

    private static void showLast(JsonObject last) {
        System.out.printf(
                "the last pause, generation %d, by %s (%s), from %s to %s: %s%n",
                last.getLong("generation"),
                last.getString("orderedBy"),
                last.getString("reason"),
                last.getString("startedAt"),
                last.getString("endedAt"),
                last.getString("how"));
        last.getJsonArray("kept").forEach(what -> System.out.println("  left alone: " + what));
    }

    private static void line(String name, String value) {
        System.out.printf("  %-15s %s%n", name, value);
    }

    private static String names(JsonArray names) {
        return String.join(", ", names.stream().map(Object::toString).toList());
    }
}
