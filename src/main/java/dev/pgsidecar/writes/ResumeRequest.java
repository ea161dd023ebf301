package dev.pgsidecar.writes;

import dev.pgsidecar.operation.Parameters;
import io.vertx.core.json.JsonObject;
import java.util.Optional;
import java.util.Set;

/**
 * How a resume was ordered.
 *
 * @param generation the pause that the caller means; without it, whichever is active
 */
record ResumeRequest(Optional<Long> generation) {

    static ResumeRequest of(JsonObject request) {
        return new ResumeRequest(Parameters.of(request, Set.of("generation")).number("generation"));
    }
}
