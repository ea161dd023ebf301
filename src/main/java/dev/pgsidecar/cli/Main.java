package dev.pgsidecar.cli;

import io.quarkus.runtime.annotations.QuarkusMain;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParseResult;

/** The executable. It parses in plain Java: only the agent starts Quarkus, every other command is done in milliseconds. */
@QuarkusMain
@Command(
        name = "pgsidecar",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = "Runs beside a PostgreSQL server and tells the truth about it.",
        footer = {
            "",
            "Without a command it runs the agent. Exit codes: 0 done, 1 refused (or failed, before an agent was asked),",
            "2 usage or configuration, 3 the agent is unreachable, 4 failed, 5 still running."
        },
        subcommands = {
            AgentCommand.class,
            StatusCommand.class,
            PromoteCommand.class,
            WritesCommand.class,
            PartitionsCommand.class,
            OperationsCommand.class,
            WatchCommand.class,
            CapabilitiesCommand.class,
            ProbeCommand.class,
            TokenCommand.class,
            ConfigCommand.class,
            IdentityCommand.class
        })
public final class Main implements Callable<Integer> {

    /** The command's exit code when it was refused or failed. */
    static final int FAILED = 1;

    /** Wrong usage, or a configuration that cannot be used. */
    static final int USAGE = 2;

    private static final int OUT_OF_MEMORY = 3; // what -XX:+ExitOnOutOfMemoryError answers

    @Mixin
    private ConfigOptions options;

    @Override
    public Integer call() {
        return AgentCommand.run(options);
    }

    public static void main(String[] args) {
        // A thread that ran out of memory leaves the program in no known state: it ends, and is started again.
        Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> {
            if (thrown instanceof VirtualMachineError) {
                Runtime.getRuntime().halt(OUT_OF_MEMORY);
            }
            thrown.printStackTrace();
        });
        System.exit(new CommandLine(new Main())
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setExecutionStrategy(Main::execute)
                .execute(args));
    }

    /** A flag before the command would be the agent's, and the command would not see it. */
    private static int execute(ParseResult parsed) {
        if (parsed.hasSubcommand() && !parsed.matchedOptions().isEmpty()) {
            String flag = parsed.matchedOptions().getFirst().longestName();
            String command =
                    parsed.asCommandLineList().getLast().getCommandSpec().qualifiedName();
            System.err.printf(
                    "pgsidecar: %s stands before the command and would be ignored: put it behind \"%s\"%n",
                    flag, command);
            return USAGE;
        }
        return new CommandLine.RunLast().execute(parsed);
    }
}
