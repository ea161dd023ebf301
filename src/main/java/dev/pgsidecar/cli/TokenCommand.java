package dev.pgsidecar.cli;

import dev.pgsidecar.security.Permission;
import dev.pgsidecar.security.Token;
import io.quarkus.runtime.configuration.DurationConverter;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code pgsidecar token}: who may order. */
@Command(name = "token", mixinStandardHelpOptions = true, description = "Makes tokens for the command listener.")
final class TokenCommand {

    @Command(
            name = "create",
            mixinStandardHelpOptions = true,
            description = {
                "Makes a token: on standard output its line for the tokens file,",
                "on standard error the secret, which is kept nowhere."
            },
            footer = {
                "",
                "    pgsidecar token create --name ops --permission operate >> /etc/pgsidecar/tokens",
                "",
                "A running agent reads the file again when it has changed."
            })
    int create(
            @Option(names = "--name", required = true, paramLabel = "NAME", description = "Whose it is.") String name,
            @Option(
                            names = "--permission",
                            required = true,
                            paramLabel = "view|operate",
                            description = "view: look; operate: look and order.")
                    String permission,
            @Option(names = "--expires", paramLabel = "TIME", description = "From now, such as 90d (default: never).")
                    String expires) {
        Optional<Permission> known = Permission.of(permission);
        if (!name.matches("[A-Za-z0-9._@-]{1,64}")) {
            System.err.println("pgsidecar: --name: \"" + name + "\" is not allowed; allowed: letters, digits and ._@-");
            return Main.USAGE;
        }
        if (known.isEmpty()) {
            System.err.println(
                    "pgsidecar: --permission: \"" + permission + "\" is not allowed; allowed: view or operate");
            return Main.USAGE;
        }
        if (expires != null && !expires.matches("[1-9]\\d{0,4}[hd]")) {
            System.err.println("pgsidecar: --expires: \"" + expires + "\" is not allowed; allowed: such as 12h or 90d");
            return Main.USAGE;
        }
        Optional<Instant> end = Optional.ofNullable(expires).map(text -> Instant.now()
                .plus(new DurationConverter().convert(text))
                .truncatedTo(ChronoUnit.SECONDS));
        Token.Created created = Token.create(name, known.get(), end);
        System.out.println(created.token().line());
        System.err.println("The secret, shown this once: " + created.secret());
        return 0;
    }
}
