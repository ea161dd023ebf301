package dev.pgsidecar.deploy;

import dev.pgsidecar.cluster.Needs;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Supplier;
import org.junit.jupiter.api.Tag;

/**
 * A test that runs containers, where a Docker engine, a native executable to put into the image and the bases of
 * scripts/docker-engine are there. Elsewhere it is skipped at once, without a look at the network, and says what is
 * missing; with the property {@code pgsidecar.test.containers=required} it fails instead.
 */
@Tag("containers")
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Needs(NeedsEngine.Engine.class)
@interface NeedsEngine {

    /** Looks for all three. */
    final class Engine implements Supplier<Optional<String>> {

        @Override
        public Optional<String> get() {
            String missing = missing();
            if (missing.isEmpty()) {
                return Optional.empty();
            }
            if (System.getProperty("pgsidecar.test.containers", "").equals("required")) {
                throw new IllegalStateException(missing);
            }
            return Optional.of(missing);
        }

        private static String missing() {
            if (System.getProperty("pgsidecar.test.executable", "").isBlank()) {
                return "no native executable is given: make native, then make test-containers";
            }
            String host = System.getenv().getOrDefault("DOCKER_HOST", "unix:///var/run/docker.sock");
            if (host.startsWith("unix://") && !Files.exists(Path.of(host.substring("unix://".length())))) {
                return "no Docker engine at " + host + ": as root, eval \"$(scripts/docker-engine start FOLDER)\"";
            }
            return Docker.hasBases() ? "" : "the bases are not there: eval \"$(scripts/docker-engine start FOLDER)\"";
        }
    }
}
