package dev.pgsidecar.operation;

import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Where tests end the agent as kill -9 would. The variable names points such as {@code promote/promote:before}; without
 * it there are none.
 */
final class Faults {

    /** Read by tests only; docs/configuration.md does not know it. */
    private static final String VARIABLE = "PGSIDECAR_TEST_HALT_AT";

    private static final int KILLED = 137;

    private static final Set<String> POINTS = Arrays.stream(
                    System.getenv().getOrDefault(VARIABLE, "").split(","))
            .collect(Collectors.toUnmodifiableSet());

    private Faults() {}

    static void at(String point) {
        if (POINTS.contains(point)) {
            Runtime.getRuntime().halt(KILLED);
        }
    }
}
