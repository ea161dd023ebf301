package dev.pgsidecar.writes;

import dev.pgsidecar.operation.Parameters;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * How a pause was ordered.
 *
 * @param databases which are held back; absent for all but the agent's own
 * @param method {@code limit} keeps ordinary roles out, {@code close} everybody
 * @param ttl how long the lease is, if nobody renews it
 * @param standbys which have to have replayed everything, by {@code application_name}
 */
record PauseRequest(
        Optional<List<String>> databases, String method, Duration ttl, List<String> standbys, String reason) {

    static final String LIMIT = "limit";
    static final String CLOSE = "close";

    static final Duration SHORTEST = Duration.ofSeconds(2);
    static final Duration LONGEST = Duration.ofHours(1);

    private static final Duration USUAL = Duration.ofSeconds(60);

    /**
     * Reads it.
     *
     * @throws IllegalArgumentException if a field is unknown or makes no sense
     */
    static PauseRequest of(JsonObject request) {
        Parameters parameters =
                Parameters.of(request, Set.of("databases", "all", "method", "ttl", "waitForStandbys", "reason"));
        Optional<List<String>> databases = parameters.names("databases");
        if (databases.isPresent() == parameters.flag("all")) {
            throw new IllegalArgumentException("either \"databases\": [...] or \"all\": true");
        }
        return new PauseRequest(
                databases,
                parameters.word("method", LIMIT, Set.of(LIMIT, CLOSE)),
                ttl(parameters),
                parameters.names("waitForStandbys").orElse(List.of()),
                parameters.text("reason").orElse("none given"));
    }

    /** The length of a lease. */
    static Duration ttl(Parameters parameters) {
        return parameters.duration("ttl", USUAL, SHORTEST, LONGEST);
    }
}
