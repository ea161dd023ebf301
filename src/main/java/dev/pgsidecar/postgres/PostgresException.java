package dev.pgsidecar.postgres;

import io.vertx.pgclient.PgException;
import java.util.Optional;

/** A {@link Failure} on its way up. */
public final class PostgresException extends Exception {

    private static final long serialVersionUID = 1;

    private final transient Failure failure;

    public PostgresException(Failure.Kind kind, String cause) {
        this(new Failure(kind, cause), null);
    }

    public PostgresException(Failure failure, Throwable cause) {
        super(failure.toString(), cause);
        this.failure = failure;
    }

    /** The SQLSTATE, where the server itself refused it. */
    public Optional<String> sqlState() {
        return getCause() instanceof PgException refused
                ? Optional.ofNullable(refused.getSqlState())
                : Optional.empty();
    }

    public Failure failure() {
        return failure;
    }
}
