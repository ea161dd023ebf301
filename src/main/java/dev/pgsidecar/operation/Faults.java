package dev.pgsidecar.operation;

import java.util.Set;

/**
 * Where tests end the agent as kill -9 would. The variable names points such as {@code promote/promote:before}; without
 * it there are none.
 */
final class Faults {

    /** Read by tests only; docs/configuration.md does not know it. */
    private static final String VARIABLE = "PGSIDECAR_TEST_HALT_AT";

    private static final int KILLED = 137;

    private Faults() {}

    static void at(String point) {
        // Read here, and not once: in the executable a constant would be that of the build.
        String points = System.getenv(VARIABLE);
        if (points != null && Set.of(points.split(",")).contains(point)) {
            Runtime.getRuntime().halt(KILLED);
        }
    }
}
