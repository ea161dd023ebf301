package dev.pgsidecar.bench;

import dev.pgsidecar.operation.Faults;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The points that an agent reaches: records them, and does at one of them what a test says. */
public final class Points implements Faults {

    private final List<String> reached = Collections.synchronizedList(new ArrayList<>());
    private final Map<String, Runnable> actions = new HashMap<>();
    private Optional<String> killAt = Optional.empty();
    private Runnable kill;
    private volatile boolean killed;

    private Points() {}

    /** Only records. */
    public static Points recorded() {
        return new Points();
    }

    /** Kills the agent when it reaches this point. */
    public static Points killAt(String point) {
        Points points = new Points();
        points.killAt = Optional.of(point);
        return points;
    }

    /** Does this when the agent reaches the point, and before it is killed there. */
    public Points doAt(String point, Runnable action) {
        actions.put(point, action);
        return this;
    }

    /** Those reached so far, in their order. */
    public List<String> reached() {
        return List.copyOf(reached);
    }

    void bind(Runnable kill) {
        this.kill = kill;
    }

    /** From now on no thread of the agent gets past a point. */
    void killed() {
        killed = true;
    }

    @Override
    public void at(String point) {
        if (!killed) {
            reached.add(point);
            Optional.ofNullable(actions.get(point)).ifPresent(Runnable::run);
            if (killAt.equals(Optional.of(point))) {
                kill.run();
            }
        }
        if (killed) {
            throw AgentKilled.here("the agent ended at " + point);
        }
    }
}
