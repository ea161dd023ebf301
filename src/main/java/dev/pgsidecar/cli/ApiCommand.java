package dev.pgsidecar.cli;

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

    /** Prints an answer as it came, where that was asked for. */
    int print(Api.Answer answer) {
        System.out.println(answer.body().encodePrettily());
        return answer.isError() ? Report.REFUSED : Report.DONE;
    }
}
