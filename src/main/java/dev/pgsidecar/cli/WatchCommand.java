package dev.pgsidecar.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code pgsidecar watch}: an operation, live. */
@Command(name = "watch", mixinStandardHelpOptions = true, description = "Shows an operation live, until it has ended.")
final class WatchCommand extends ApiCommand {

    @Parameters(paramLabel = "ID", description = "The operation; pgsidecar operations lists them.")
    private String id;

    @Override
    int run() throws UsageException, Unreachable {
        Api agent = options().agent();
        Api.Answer answer = agent.get("/v1/operations/" + id);
        return answer.isError()
                ? Report.problem(answer)
                : Following.toTheEnd(agent, answer.body(), options().json());
    }
}
