package dev.pgsidecar.config;

import jakarta.annotation.Priority;
import jakarta.enterprise.inject.Alternative;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;

/**
 * Hands the agent the configuration that was validated, in place of Quarkus' own view of it: that reads more sources
 * (system properties, .env files of the working folder) and expands {@code ${...}}, in passwords too.
 */
@Singleton
public class Launch {

    private static volatile Settings launched;

    /** Called once, before the agent starts. */
    public static void with(Configuration configuration) {
        launched = configuration.settings();
    }

    @Produces
    @Alternative
    @Priority(1)
    @Singleton
    Settings settings() {
        return launched;
    }
}
