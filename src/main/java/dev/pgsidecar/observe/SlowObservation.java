package dev.pgsidecar.observe;

import dev.pgsidecar.postgres.Failure;
import dev.pgsidecar.postgres.catalog.SlowFacts;
import java.util.Optional;

/**
 * The slow facts, and how the last attempt to get them went. It is made on a fresh connection: a failure to open one
 * says that the server takes none, whatever the connection at rest still hears.
 *
 * @param at when the attempt ended
 * @param facts the newest there are
 * @param connectFailure why no connection could be opened
 * @param queryFailure why there was no answer on it
 */
public record SlowObservation(
        Moment at, Optional<SlowFacts> facts, Optional<Failure> connectFailure, Optional<Failure> queryFailure) {

    /** Whether the attempt failed. */
    public boolean failed() {
        return connectFailure.isPresent() || queryFailure.isPresent();
    }
}
