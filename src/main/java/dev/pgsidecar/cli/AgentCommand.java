package dev.pgsidecar.cli;

import dev.pgsidecar.api.CommandListener;
import dev.pgsidecar.config.Configuration;
import dev.pgsidecar.config.Launch;
import dev.pgsidecar.config.Logging;
import dev.pgsidecar.config.Settings;
import io.quarkus.runtime.Quarkus;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code pgsidecar agent}, and {@code pgsidecar} alone: runs the agent until it is stopped. */
@Command(name = "agent", mixinStandardHelpOptions = true, description = "Runs the agent (the default).")
final class AgentCommand implements Callable<Integer> {

    @Mixin
    private ConfigOptions options;

    @Override
    public Integer call() {
        return run(options);
    }

    static int run(ConfigOptions options) {
        Optional<Configuration> configuration = options.load();
        if (configuration.isEmpty()) {
            return Main.USAGE;
        }
        Launch.with(configuration.get());
        Settings settings = configuration.get().settings();
        Logging.properties(settings).forEach(System::setProperty);
        CommandListener.properties(settings.command()).forEach(System::setProperty);
        int[] exit = {0};
        Quarkus.run(null, (code, failure) -> exit[0] = failure == null ? code : failed(failure));
        return exit[0];
    }

    private static int failed(Throwable failure) {
        Throwable cause = failure;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        System.err.println("pgsidecar: the agent could not start: " + cause.getMessage());
        return Main.FAILED;
    }
}
