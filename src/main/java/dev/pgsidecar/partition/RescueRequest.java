package dev.pgsidecar.partition;

import dev.pgsidecar.operation.Parameters;
import io.vertx.core.json.JsonObject;
import java.util.Set;

/** Whose default partition is to be emptied. */
record RescueRequest(String database, String set) {

    /**
     * Reads it.
     *
     * @throws IllegalArgumentException if a field is unknown or makes no sense
     */
    static RescueRequest of(JsonObject request) {
        Parameters parameters = Parameters.of(request, Set.of("database", "set"));
        return new RescueRequest(
                parameters
                        .text("database")
                        .orElseThrow(() -> new IllegalArgumentException("database: which one? GET /v1/partitions")),
                parameters
                        .text("set")
                        .orElseThrow(() -> new IllegalArgumentException("set: which one? GET /v1/partitions")));
    }
}
