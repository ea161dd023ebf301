package dev.pgsidecar.postgres;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.postgres.Failure.Kind;
import dev.pgsidecar.postgres.catalog.Facts;
import io.vertx.core.Vertx;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.Optional;

/**
 * A session that can write, kept as long as an order needs it: opened when it is first used, and anew after it broke;
 * each time it is made sure that the right server answers. For one thread at a time.
 */
public final class Line implements AutoCloseable {

    private static final Duration REST = Duration.ofMillis(200);

    private final Target target;
    private final Identity identity;
    private final String purpose;
    private final Duration toAnswer;
    private Optional<Session> open = Optional.empty();
    private ServerVersion version;
    private boolean pausable;
    private long used;

    /**
     * @param purpose what it is for; its {@code application_name} is {@code pgsidecar/purpose}
     * @param toAnswer how long a statement may take
     */
    public Line(Vertx vertx, Settings settings, String purpose, Duration toAnswer) {
        this.target = new Target(vertx, settings);
        this.identity = new Identity(settings);
        this.purpose = purpose;
        this.toAnswer = toAnswer;
    }

    /**
     * Runs a query of one row and one column of type json.
     *
     * @param values for $1, $2 and so on
     * @throws PostgresException with the failure's name; the next call opens a session anew where this one broke
     */
    public JsonObject json(String sql, Object... values) throws PostgresException, InterruptedException {
        return with(session -> session.json(sql, values));
    }

    /** Runs a statement that answers nothing, such as CHECKPOINT. */
    public void run(String sql) throws PostgresException, InterruptedException {
        with(session -> {
            session.run(sql);
            return null;
        });
    }

    /** All that one tick of the observer sees, as of now. */
    public Facts facts() throws PostgresException, InterruptedException {
        return with(session -> Facts.of(session.json(Facts.sql(version, pausable))));
    }

    private <T> T with(Use<T> use) throws PostgresException, InterruptedException {
        letGoOfOneThatBrokeAtRest();
        if (open.isEmpty()) {
            open = Optional.of(opened());
        }
        try {
            return use.of(open.get());
        } catch (PostgresException e) {
            if (e.failure().kind() != Kind.QUERY_FAILED) {
                close();
            }
            throw e;
        } catch (InterruptedException | RuntimeException e) {
            close();
            throw e;
        }
    }

    /** A server that was restarted since says so only when it is asked. */
    private void letGoOfOneThatBrokeAtRest() throws InterruptedException {
        long now = System.nanoTime();
        boolean rested = open.isPresent() && now - used > REST.toNanos();
        used = now;
        if (rested) {
            try {
                open.get().json("SELECT json_build_object('alive', true)");
            } catch (PostgresException _) {
                close();
            }
        }
    }

    private Session opened() throws PostgresException, InterruptedException {
        Session session = target.openToWrite(purpose, toAnswer);
        try {
            JsonObject answer = session.json(Facts.IDENTITY);
            identity.check(answer.getString("system_identifier"));
            version = new ServerVersion(answer.getInteger("version"));
            pausable = answer.getBoolean("pausable");
            return session;
        } catch (PostgresException | InterruptedException | RuntimeException e) {
            session.close();
            throw e;
        }
    }

    @Override
    public void close() {
        open.ifPresent(Session::close);
        open = Optional.empty();
    }

    private interface Use<T> {
        T of(Session session) throws PostgresException, InterruptedException;
    }
}
