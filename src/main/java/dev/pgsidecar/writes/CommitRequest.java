package dev.pgsidecar.writes;

import dev.pgsidecar.operation.Parameters;
import io.vertx.core.json.JsonObject;
import java.util.Optional;
import java.util.Set;

/**
 * How a hand-over was ordered; both have to be given, which {@code capabilities} cannot.
 *
 * @param target the name of the node that will be promoted, as its agent calls itself
 */
record CommitRequest(Optional<Long> generation, Optional<String> target) {

    static CommitRequest of(JsonObject request) {
        Parameters parameters = Parameters.of(request, Set.of("generation", "target"));
        return new CommitRequest(parameters.number("generation"), parameters.text("target"));
    }
}
