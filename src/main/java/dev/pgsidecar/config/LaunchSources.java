package dev.pgsidecar.config;

import java.util.List;
import org.eclipse.microprofile.config.spi.ConfigSource;
import org.eclipse.microprofile.config.spi.ConfigSourceProvider;

/** Hands the flags and the file that {@link Configuration} validated to Quarkus, which builds its own view of them. */
public final class LaunchSources implements ConfigSourceProvider {

    private static volatile List<ConfigSource> chosen = List.of();

    static void use(List<ConfigSource> sources) {
        chosen = List.copyOf(sources);
    }

    @Override
    public Iterable<ConfigSource> getConfigSources(ClassLoader loader) {
        return chosen;
    }
}
