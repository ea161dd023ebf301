package dev.pgsidecar.operation;

import dev.pgsidecar.postgres.PostgresException;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Set;

/** One thing that the agent can be ordered to do. */
public interface Command {

    /** Its name, in paths, journals and metrics. */
    String kind();

    /** The names of its checks, in their order; only these can be waived. */
    List<String> checkNames();

    /**
     * Whether the parameters make sense by themselves.
     *
     * @throws IllegalArgumentException if not, with the reason
     */
    void validate(JsonObject request);

    /**
     * Looks and judges, and changes nothing.
     *
     * @param waivers the checks that need not be waited for
     * @throws PostgresException if the server cannot be asked
     */
    List<Check> check(JsonObject request, Set<String> waivers) throws PostgresException, InterruptedException;

    /**
     * The runbook: its steps in their order. Called a second time after a crash, when the steps that the journal has as
     * done are skipped and the one that was running runs again.
     *
     * @throws StepFailed if it cannot go on
     * @throws PostgresException if the server cannot be asked
     */
    void run(Run run) throws StepFailed, PostgresException, InterruptedException;
}
