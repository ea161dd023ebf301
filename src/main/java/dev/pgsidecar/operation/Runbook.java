package dev.pgsidecar.operation;

import dev.pgsidecar.postgres.PostgresException;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Set;

/** What one order means: first it is judged, then carried out, by one thread after the other; closed in the end. */
public interface Runbook extends AutoCloseable {

    /**
     * Looks and judges, and changes nothing.
     *
     * @param waivers the checks that need not be waited for
     * @throws PostgresException if the server cannot be asked
     */
    List<Check> check(Set<String> waivers) throws PostgresException, InterruptedException;

    /** What would be done, once {@link #check} has looked; empty where the checks say it all. */
    default JsonObject plan() {
        return new JsonObject();
    }

    /**
     * The steps in their order. Called a second time after a crash, when the steps that the journal has as done are skipped
     * and the one that was running, or was just done, runs again.
     *
     * @throws StepFailed if it cannot go on
     * @throws PostgresException if the server cannot be asked
     */
    void run(Run run) throws StepFailed, PostgresException, InterruptedException;

    @Override
    void close();
}
