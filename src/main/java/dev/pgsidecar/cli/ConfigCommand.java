package dev.pgsidecar.cli;

import dev.pgsidecar.config.Configuration;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code pgsidecar config}: about the configuration. */
@Command(name = "config", mixinStandardHelpOptions = true, description = "Checks the configuration.")
final class ConfigCommand {

    @Command(
            name = "check",
            mixinStandardHelpOptions = true,
            description = "Validates the configuration and prints each value with where it came from, secrets masked.")
    int check(@Mixin ConfigOptions given) {
        Optional<Configuration> configuration = given.load();
        configuration.ifPresent(valid -> valid.effective().forEach(System.out::println));
        return configuration.isPresent() ? 0 : Main.USAGE;
    }
}
