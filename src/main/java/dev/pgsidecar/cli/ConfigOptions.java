package dev.pgsidecar.cli;

import dev.pgsidecar.config.Configuration;
import dev.pgsidecar.config.InvalidConfiguration;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Option;

/** The flags that every command which needs the configuration has: the file, and the few keys that people type. */
final class ConfigOptions {

    @Option(
            names = {"-c", "--config"},
            paramLabel = "FILE",
            description = "The configuration file "
                    + "(default: $PGSIDECAR_CONFIG, else /etc/pgsidecar/pgsidecar.yaml if it exists).")
    private Path file;

    @Option(names = "--name", paramLabel = "NAME", description = "This instance's name.")
    private String name;

    @Option(names = "--state-dir", paramLabel = "DIR", description = "Where the learned identity is kept.")
    private String stateDir;

    @Option(names = "--host", paramLabel = "HOST", description = "The PostgreSQL server's host.")
    private String host;

    @Option(names = "--port", paramLabel = "PORT", description = "The PostgreSQL server's port.")
    private String port;

    @Option(names = "--user", paramLabel = "ROLE", description = "The role to connect as.")
    private String user;

    @Option(names = "--database", paramLabel = "NAME", description = "The database to connect to.")
    private String database;

    @Option(names = "--open-port", paramLabel = "PORT", description = "The open listener's port.")
    private String openPort;

    @Option(names = "--command-port", paramLabel = "PORT", description = "The command listener's port.")
    private String commandPort;

    /** Loads the configuration, or prints what is wrong with it, a line each. */
    Optional<Configuration> load() {
        Map<String, String> flags = new HashMap<>();
        put(flags, "name", name);
        put(flags, "state-dir", stateDir);
        put(flags, "postgres.host", host);
        put(flags, "postgres.port", port);
        put(flags, "postgres.user", user);
        put(flags, "postgres.database", database);
        put(flags, "open.port", openPort);
        put(flags, "command.port", commandPort);
        try {
            return Optional.of(Configuration.load(Optional.ofNullable(file), flags, System.getenv()));
        } catch (InvalidConfiguration e) {
            e.problems().forEach(problem -> System.err.println("pgsidecar: " + problem));
            return Optional.empty();
        }
    }

    private static void put(Map<String, String> flags, String key, String value) {
        if (value != null) {
            flags.put("pgsidecar." + key, value);
        }
    }
}
