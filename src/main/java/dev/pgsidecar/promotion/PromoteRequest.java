package dev.pgsidecar.promotion;

import dev.pgsidecar.config.ByteSize;
import dev.pgsidecar.postgres.Lsn;
import io.vertx.core.json.JsonObject;
import java.util.Optional;
import java.util.Set;

/**
 * How a promote was ordered.
 *
 * @param deadPrimary the name of the primary that the caller knows to be dead
 * @param checkpoint where the cleanly stopped primary's last checkpoint begins, as its pg_controldata tells it
 * @param maxLag how many received bytes may still wait for replay: all of them are replayed before it is a primary
 */
record PromoteRequest(Optional<String> deadPrimary, Optional<Lsn> checkpoint, ByteSize maxLag) {

    private static final Set<String> FIELDS = Set.of("deadPrimary", "expect", "maxLag");

    /**
     * Reads it.
     *
     * @throws IllegalArgumentException if a field is unknown or makes no sense
     */
    static PromoteRequest of(JsonObject request) {
        requireKnown(request, FIELDS, "");
        Object expect = request.getValue("expect");
        if (expect != null && !(expect instanceof JsonObject)) {
            throw new IllegalArgumentException("expect: not an object such as {\"checkpointLsn\": \"0/3000028\"}");
        }
        JsonObject expected = expect == null ? new JsonObject() : (JsonObject) expect;
        requireKnown(expected, Set.of("checkpointLsn"), "expect.");
        Optional<String> dead = text(request, "deadPrimary");
        if (dead.filter(String::isBlank).isPresent()) {
            throw new IllegalArgumentException("deadPrimary: it is empty");
        }
        return new PromoteRequest(
                dead,
                text(expected, "checkpointLsn").map(Lsn::parse),
                text(request, "maxLag").map(ByteSize::parse).orElse(new ByteSize(0)));
    }

    private static void requireKnown(JsonObject object, Set<String> known, String prefix) {
        for (String name : object.fieldNames()) {
            if (!known.contains(name)) {
                throw new IllegalArgumentException("unknown field \"%s%s\"; known are %s"
                        .formatted(
                                prefix,
                                name,
                                String.join(", ", known.stream().sorted().toList())));
            }
        }
    }

    private static Optional<String> text(JsonObject object, String name) {
        Object value = object.getValue(name);
        if (value != null && !(value instanceof String)) {
            throw new IllegalArgumentException(name + ": not a text");
        }
        return Optional.ofNullable((String) value);
    }
}
