package dev.pgsidecar.cli;

import io.quarkus.runtime.annotations.QuarkusMain;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParameterException;
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
        })
public final class Main implements Callable<Integer> {

    /** The commands, in the order of the help. */
    private static final List<Class<?>> COMMANDS = List.of(
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
            IdentityCommand.class);

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
        // The agent of a service or a container has no arguments, and starts a third faster without parsing them.
        System.exit(
                args.length == 0
                        ? AgentCommand.run(new ConfigOptions())
                        : commandLine(args).execute(args));
    }

    /** The command line with all commands. */
    public static CommandLine commandLine() {
        return with(COMMANDS);
    }

    /**
     * The command line that executes these arguments. To build all commands takes longer than the agent's own start, so there
     * is only the one that the arguments name; help of the program and errors need all of them.
     */
    static CommandLine commandLine(String... args) {
        Set<String> words = Set.copyOf(Arrays.asList(args));
        CommandLine needed = with(COMMANDS.stream()
                .filter(command -> words.contains(name(command)))
                .toList());
        try {
            return needed.parseArgs(args).isUsageHelpRequested() ? commandLine() : needed;
        } catch (ParameterException _) {
            return commandLine();
        }
    }

    private static CommandLine with(List<Class<?>> commands) {
        CommandLine line = new CommandLine(new Main());
        commands.forEach(line::addSubcommand);
        return line.setCaseInsensitiveEnumValuesAllowed(true).setExecutionStrategy(Main::execute);
    }

    private static String name(Class<?> command) {
        return command.getAnnotation(Command.class).name();
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
