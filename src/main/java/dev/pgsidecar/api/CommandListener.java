package dev.pgsidecar.api;

import dev.pgsidecar.config.Settings;
import io.quarkus.vertx.http.HttpServerStart;
import io.quarkus.vertx.http.HttpsServerStart;
import jakarta.enterprise.event.ObservesAsync;
import jakarta.inject.Singleton;
import java.util.HashMap;
import java.util.Map;
import org.jboss.logging.Logger;

/** Quarkus' own HTTP server is the command listener; this is how it is told where to listen. */
@Singleton
public class CommandListener {

    private static final Logger LOG = Logger.getLogger(CommandListener.class);

    private static final String TLS = "command";

    void tell(@ObservesAsync HttpServerStart started) {
        LOG.infof(
                "commands on http://%s:%d",
                started.options().getHost(), started.options().getPort());
    }

    void tell(@ObservesAsync HttpsServerStart started) {
        LOG.infof(
                "commands on https://%s:%d",
                started.options().getHost(), started.options().getPort());
    }

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
