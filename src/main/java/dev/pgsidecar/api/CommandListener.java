package dev.pgsidecar.api;

import dev.pgsidecar.config.Settings;
import java.util.HashMap;
import java.util.Map;

/** Quarkus' own HTTP server is the command listener; this is how it is told where to listen. */
public final class CommandListener {

    private static final String TLS = "command";

    private CommandListener() {}

    /** Quarkus' settings for ours. They are set as system properties, above the environment: ours are the only truth. */
    public static Map<String, String> properties(Settings.Command command) {
        Map<String, String> properties = new HashMap<>();
        properties.put("quarkus.http.host-enabled", "" + command.enabled());
        properties.put("quarkus.http.host", command.host());
        boolean encrypted = command.tls().certificate().isPresent();
        properties.put("quarkus.http.insecure-requests", encrypted ? "disabled" : "enabled");
        properties.put(encrypted ? "quarkus.http.ssl-port" : "quarkus.http.port", "" + command.port());
        if (encrypted) {
            properties.put("quarkus.http.tls-configuration-name", TLS);
            properties.put(
                    "quarkus.tls.command.key-store.pem.0.cert",
                    command.tls().certificate().orElseThrow().toString());
            properties.put(
                    "quarkus.tls.command.key-store.pem.0.key",
                    command.tls().key().orElseThrow().toString());
            properties.put("quarkus.tls.command.reload-period", "10s");
            command.tls()
                    .clientAuthority()
                    .ifPresent(authority ->
                            properties.put("quarkus.tls.command.trust-store.pem.certs", authority.toString()));
        }
        return properties;
    }
}
