package dev.pgsidecar.deploy;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A test that runs containers, where a Docker engine, a native executable to put into the image and the bases of
 * scripts/docker-engine are there. Elsewhere it is skipped at once, without a look at the network, and says what is
 * missing; with the property {@code pgsidecar.test.containers=required} it fails instead.
 */
@Tag("containers")
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(NeedsEngine.Condition.class)
@interface NeedsEngine {

    /** Looks for all three. */
    final class Condition implements ExecutionCondition {

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            String missing = missing();
            if (missing.isEmpty()) {
                return ConditionEvaluationResult.enabled("all is there");
            }
            if (System.getProperty("pgsidecar.test.containers", "").equals("required")) {
                throw new IllegalStateException(missing);
            }
            return ConditionEvaluationResult.disabled(missing);
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
