package dev.pgsidecar.operation;

import jakarta.inject.Singleton;
import java.util.Set;

/** Halts the process at the points that an environment variable names; without the variable it does nothing. */
@Singleton
final class HaltFaults implements Faults {

    /** Only tests set it; docs/configuration.md does not list it. */
    private static final String VARIABLE = "PGSIDECAR_TEST_HALT_AT";

    /** The exit status of a process that SIGKILL ended. */
    private static final int KILLED = 137;

    @Override
    public void at(String point) {
        // Read at each call: a constant of the native executable would have the value of the build.
        String points = System.getenv(VARIABLE);
        if (points != null && Set.of(points.split(",")).contains(point)) {
            Runtime.getRuntime().halt(KILLED);
        }
    }
}
