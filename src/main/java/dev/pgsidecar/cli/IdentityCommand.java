package dev.pgsidecar.cli;

import dev.pgsidecar.config.Configuration;
import dev.pgsidecar.config.Settings;
import dev.pgsidecar.config.Trouble;
import dev.pgsidecar.postgres.Identity;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.Session;
import dev.pgsidecar.postgres.Target;
import dev.pgsidecar.postgres.catalog.Facts;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code pgsidecar identity}: which physical cluster this agent belongs to. */
@Command(
        name = "identity",
        mixinStandardHelpOptions = true,
        description = "Shows or changes the system_identifier that this agent belongs to.")
final class IdentityCommand {

    @Command(name = "show", mixinStandardHelpOptions = true, description = "Prints the pinned or learned identifier.")
    int show(@Mixin ConfigOptions options) {
        Optional<Configuration> configuration = options.load();
        if (configuration.isEmpty()) {
            return Main.USAGE;
        }
        Identity identity = new Identity(configuration.get().settings());
        System.out.println(expected(identity, "none yet: the first server that answers is learned"));
        return 0;
    }

    @Command(
            name = "accept",
            mixinStandardHelpOptions = true,
            description = {
                "Keeps the configured server's system_identifier from now on,",
                "as after a restore or an upgrade. A running agent follows at its next attempt to connect."
            })
    int accept(@Mixin ConfigOptions options) throws InterruptedException {
        Optional<Configuration> configuration = options.load();
        if (configuration.isEmpty()) {
            return Main.USAGE;
        }
        Settings settings = configuration.get().settings();
        Identity identity = new Identity(settings);
        if (identity.isPinned()) {
            System.err.println("pgsidecar: the identity is pinned: change pgsidecar.postgres.system-identifier");
            return Main.FAILED;
        }
        Vertx vertx = Vertx.vertx();
        Target target = new Target(vertx, settings);
        try (Session session = target.openReadOnly("identity")) {
            String found = session.json(Facts.IDENTITY).getString("system_identifier");
            String before = expected(identity, "none");
            identity.accept(found);
            System.out.printf("accepted system_identifier %s (before: %s)%n", found, before);
            return 0;
        } catch (PostgresException e) {
            System.err.printf("pgsidecar: %s: %s%n", target, e.failure());
            return Main.FAILED;
        } catch (IOException e) {
            System.err.printf("pgsidecar: %s cannot be written: %s%n", settings.stateDir(), Trouble.with(e));
            return Main.FAILED;
        } finally {
            vertx.close();
        }
    }

    /** What is expected now, or why that cannot be read, which {@code accept} puts right. */
    private static String expected(Identity identity, String none) {
        try {
            return identity.expected().orElse(none);
        } catch (PostgresException e) {
            return e.failure().toString();
        }
    }
}
