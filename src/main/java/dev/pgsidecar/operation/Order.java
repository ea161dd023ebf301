package dev.pgsidecar.operation;

import io.vertx.core.json.JsonObject;
import java.util.Optional;
import java.util.Set;

/**
 * What a caller orders.
 *
 * @param kind the command, such as {@code promote}
 * @param request its parameters, validated
 * @param waivers the checks that the caller takes the responsibility for
 * @param by the caller's name
 * @param from the address it called from
 * @param idempotencyKey the same key with the same order means the same operation
 */
public record Order(
        String kind, JsonObject request, Set<String> waivers, String by, String from, Optional<String> idempotencyKey) {

    /** Whether it asks for the same, whoever asks. */
    boolean asksTheSameAs(Order other) {
        return kind.equals(other.kind) && request.equals(other.request) && waivers.equals(other.waivers);
    }
}
