package dev.pgsidecar.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code pgsidecar operations}: what an agent does and has done. */
@Command(
        name = "operations",
        mixinStandardHelpOptions = true,
        description = "Lists an agent's operations, or shows or cancels one.")
final class OperationsCommand extends ApiCommand {

    @Parameters(arity = "0..1", paramLabel = "ID", description = "One of them, with its checks and steps.")
    private String id;

    @Option(
            names = "--cancel",
            description = "Cancels it: it is undone, or has not acted yet. Too late after a promote or a commit.")
    private boolean cancel;

    @Override
    int run() throws UsageException, Unreachable {
        if (cancel && id == null) {
            throw new UsageException("--cancel: which one? pgsidecar operations lists them");
        }
        Api agent = options().agent();
        String path = "/v1/operations" + (id == null ? "" : "/" + id);
        Api.Answer answer = cancel ? agent.delete(path) : agent.get(path);
        if (options().json()) {
            return print(answer);
        }
        if (answer.isError()) {
            return Report.problem(answer);
        }
        if (cancel) {
            System.out.printf("%s will be cancelled; pgsidecar watch %s shows how%n", id, id);
            return Report.DONE;
        }
        if (id == null) {
            list(answer);
            return Report.DONE;
        }
        Report.checks(answer.body());
        new Report().progress(answer.body());
        return Report.outcome(answer.body());
    }

    private static void list(Api.Answer answer) {
        Table table = new Table("operation", "state", "by", "ordered", "ended");
        Report.objects(answer.body(), "operations")
                .forEach(operation -> table.row(
                        operation.getString("id"),
                        operation.getString("state"),
                        operation.getString("by"),
                        operation.getString("ordered"),
                        operation.getString("ended")));
        System.out.println(table);
    }
}
