package dev.pgsidecar.cli;

import dev.pgsidecar.config.Configuration;
import dev.pgsidecar.config.Settings;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code pgsidecar probe}: asks the agent on this host, for container health checks that have no curl. */
@Command(
        name = "probe",
        mixinStandardHelpOptions = true,
        description = "Asks the agent on this host: exit code 0 for yes, 1 for no or no answer.")
final class ProbeCommand implements Callable<Integer> {

    private static final int LONGEST_TIMEOUT = 60_000;
    private static final int LONGEST_BODY = 64 * 1024;

    /** The questions, and their paths on the open listener. */
    enum Question {
        LIVE("/liveness"),
        READY("/readiness"),
        PRIMARY("/primary"),
        REPLICA("/replica");

        private final String path;

        Question(String path) {
            this.path = path;
        }
    }

    @Mixin
    private ConfigOptions options;

    @Parameters(paramLabel = "live|ready|primary|replica", description = "What to ask.")
    private Question question;

    @Option(names = "--timeout", paramLabel = "MS", defaultValue = "2000", description = "In ms (default: 2000).")
    private int timeout;

    @Override
    public Integer call() {
        Optional<Configuration> configuration = options.load();
        if (configuration.isEmpty()) {
            return Main.USAGE;
        }
        if (timeout < 1 || timeout > LONGEST_TIMEOUT) {
            System.err.println(
                    "pgsidecar: --timeout: \"" + timeout + "\" is not allowed; allowed: 1 to " + LONGEST_TIMEOUT);
            return Main.USAGE;
        }
        URI address = URI.create(openListener(configuration.get().settings().open()) + question.path);
        try {
            HttpURLConnection connection = (HttpURLConnection) address.toURL().openConnection();
            connection.setConnectTimeout(timeout);
            connection.setReadTimeout(timeout);
            connection.setInstanceFollowRedirects(false);
            int status = connection.getResponseCode();
            System.out.println(status + " " + body(connection, status));
            return status == HttpURLConnection.HTTP_OK ? 0 : Main.FAILED;
        } catch (IOException e) {
            System.out.printf("no answer from %s: %s%n", address, e.getMessage());
            return Main.FAILED;
        }
    }

    private static String body(HttpURLConnection connection, int status) throws IOException {
        try (InputStream body = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            return body == null ? "" : new String(body.readNBytes(LONGEST_BODY), StandardCharsets.UTF_8);
        }
    }

    /** The agent's own address; the one that stands for all addresses of a host is none to connect to. */
    private static String openListener(Settings.Open open) {
        String host =
                switch (open.host()) {
                    case "0.0.0.0" -> "127.0.0.1";
                    case "::" -> "::1";
                    default -> open.host();
                };
        return "http://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + open.port();
    }
}
