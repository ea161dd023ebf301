package dev.pgsidecar.promotion;

import dev.pgsidecar.config.ByteSize;
import dev.pgsidecar.operation.Parameters;
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
 * @param generation the write pause that hands over to this standby while the primary lives
 */
record PromoteRequest(
        Optional<String> deadPrimary, Optional<Lsn> checkpoint, ByteSize maxLag, Optional<Long> generation) {

    private static final Set<String> FIELDS = Set.of("deadPrimary", "expect", "maxLag", "generation");

    /**
     * Reads it.
     *
     * @throws IllegalArgumentException if a field is unknown or makes no sense
     */
    static PromoteRequest of(JsonObject request) {
        Parameters parameters = Parameters.of(request, FIELDS);
        return new PromoteRequest(
                parameters.text("deadPrimary"),
                parameters
                        .object("expect", Set.of("checkpointLsn"), "{\"checkpointLsn\": \"0/3000028\"}")
                        .text("checkpointLsn")
                        .map(Lsn::parse),
                parameters.text("maxLag").map(ByteSize::parse).orElse(new ByteSize(0)),
                parameters.number("generation"));
    }
}
