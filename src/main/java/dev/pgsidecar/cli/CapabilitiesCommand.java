package dev.pgsidecar.cli;

import picocli.CommandLine.Command;

/** {@code pgsidecar capabilities}: what could be ordered now, and what is missing. */
@Command(
        name = "capabilities",
        mixinStandardHelpOptions = true,
        description = "Shows each command's checks as they are now, with the grant or setting that is missing.")
final class CapabilitiesCommand extends ApiCommand {

    @Override
    int run() throws UsageException, Unreachable {
        Api.Answer answer = options().agent().get("/v1/capabilities");
        if (options().json()) {
            return print(answer);
        }
        if (answer.isError()) {
            return Report.problem(answer);
        }
        Report.objects(answer.body(), "commands").forEach(command -> {
            System.out.printf(
                    "%s: %s%n",
                    command.getString("command"), command.getBoolean("possible") ? "possible" : "not possible now");
            Report.checks(command);
        });
        return Report.DONE;
    }
}
