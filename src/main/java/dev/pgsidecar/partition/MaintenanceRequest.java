package dev.pgsidecar.partition;

import dev.pgsidecar.operation.Parameters;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What is to be maintained.
 *
 * @param databases absent for all that are configured
 * @param sets absent for all of these databases
 */
record MaintenanceRequest(Optional<List<String>> databases, Optional<List<String>> sets) {

    /**
     * Reads it.
     *
     * @throws IllegalArgumentException if a field is unknown or makes no sense
     */
    static MaintenanceRequest of(JsonObject request) {
        Parameters parameters = Parameters.of(request, Set.of("databases", "sets"));
        return new MaintenanceRequest(parameters.names("databases"), parameters.names("sets"));
    }
}
