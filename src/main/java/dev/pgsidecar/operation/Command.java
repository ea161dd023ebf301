package dev.pgsidecar.operation;

import io.vertx.core.json.JsonObject;
import java.util.List;

/** One thing that the agent can be ordered to do. */
public interface Command {

    /** Its name, in paths, journals and metrics. */
    String kind();

    /**
     * Whether it takes its time and can wait: one of its kind runs beside others, and waits at its next step or rest while
     * one that is not of the background runs.
     */
    default boolean background() {
        return false;
    }

    /** The names of its checks, in their order; only these can be waived. */
    List<String> checkNames();

    /** Whether there is a check of this name: of what is not known in advance, too. */
    default boolean hasCheck(String name) {
        return checkNames().contains(name);
    }

    /** The least that has to be said to ask whether it is possible. */
    default JsonObject leastRequest() {
        return new JsonObject();
    }

    /**
     * The runbook of an order; nothing is asked or done yet.
     *
     * @throws IllegalArgumentException if the parameters make no sense by themselves, with the reason
     */
    Runbook runbook(JsonObject request);
}
