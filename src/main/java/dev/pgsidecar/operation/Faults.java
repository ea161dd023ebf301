package dev.pgsidecar.operation;

/**
 * The points at which a test ends the agent, as kill -9 would. A point is named {@code kind:ordered},
 * {@code kind/step:before}, {@code kind/step:after} or {@code kind:irrevocable}; a background loop names its own points.
 */
public interface Faults {

    /**
     * Is called when the agent reaches a point. It returns, or the agent ends here.
     *
     * @param point the point's name, such as {@code promote/promote:before}
     */
    void at(String point);
}
