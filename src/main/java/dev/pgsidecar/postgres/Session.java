package dev.pgsidecar.postgres;

import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.json.JsonObject;
import io.vertx.pgclient.PgConnectOptions;
import io.vertx.pgclient.PgException;
import io.vertx.pgclient.SslMode;
import io.vertx.pgclient.spi.PgDriver;
import io.vertx.sqlclient.PreparedStatement;
import io.vertx.sqlclient.SqlConnection;
import io.vertx.sqlclient.spi.ConnectionFactory;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * One connection to the server, in plain blocking style for one virtual thread. Every call is bounded in time. Closing
 * ends the socket at once, whatever waits on it: a polite close would queue behind a query that a hung server never
 * answers. To that end each session has a client of its own, and closes that.
 */
public final class Session implements AutoCloseable {

    private final ConnectionFactory client;
    private final SqlConnection connection;
    private final Duration timeout;
    private final Map<String, PreparedStatement> prepared = new HashMap<>();

    private Session(ConnectionFactory client, SqlConnection connection, Duration timeout) {
        this.client = client;
        this.connection = connection;
        this.timeout = timeout;
    }

    /**
     * Connects, or leaves no socket behind.
     *
     * @param toConnect how long connecting may take
     * @param toAnswer how long each query may take
     * @throws PostgresException with the failure's name
     */
    public static Session open(Vertx vertx, PgConnectOptions options, Duration toConnect, Duration toAnswer)
            throws PostgresException, InterruptedException {
        if (options.getSslMode() != SslMode.PREFER) {
            return attempt(vertx, options, toConnect, toAnswer);
        }
        // Not the client's own "prefer": that leaves the refused socket open behind the second one.
        try {
            return attempt(vertx, new PgConnectOptions(options).setSslMode(SslMode.REQUIRE), toConnect, toAnswer);
        } catch (PostgresException e) {
            if (!wantsPlain(e)) {
                throw e;
            }
            return attempt(vertx, new PgConnectOptions(options).setSslMode(SslMode.DISABLE), toConnect, toAnswer);
        }
    }

    /** As libpq: without TLS where there is none, or where pg_hba.conf refuses the encrypted connection. */
    private static boolean wantsPlain(PostgresException e) {
        return e.failure().kind() == Failure.Kind.TLS_FAILED
                || e.getCause() instanceof PgException refused && "28000".equals(refused.getSqlState());
    }

    private static Session attempt(Vertx vertx, PgConnectOptions options, Duration toConnect, Duration toAnswer)
            throws PostgresException, InterruptedException {
        PgConnectOptions bounded = new PgConnectOptions(options);
        bounded.setConnectTimeout((int) toConnect.toMillis())
                .setTcpUserTimeout((int) toAnswer.toMillis())
                .setTcpKeepAlive(true);
        ConnectionFactory client = PgDriver.INSTANCE.createConnectionFactory(vertx, bounded);
        try {
            return new Session(client, await(client.connect(vertx.getOrCreateContext()), toConnect), toAnswer);
        } catch (ExecutionException | TimeoutException e) {
            close(client);
            throw new PostgresException(Failures.connecting(cause(e)), cause(e));
        } catch (InterruptedException | RuntimeException e) {
            close(client);
            throw e;
        }
    }

    /**
     * Runs a query of one row and one column of type json. It is planned once per session.
     *
     * @throws PostgresException with the failure's name; unless the server itself refused the query, the session is of
     *     no use any more
     */
    public JsonObject json(String sql) throws PostgresException, InterruptedException {
        try {
            PreparedStatement statement = prepared.get(sql);
            if (statement == null) {
                statement = await(connection.prepare(sql), timeout);
                prepared.put(sql, statement);
            }
            return (JsonObject) await(statement.query().execute(), timeout)
                    .iterator()
                    .next()
                    .getValue(0);
        } catch (ExecutionException | TimeoutException e) {
            throw new PostgresException(Failures.querying(cause(e)), cause(e));
        }
    }

    /** Ends the socket now and waits until it is gone. */
    @Override
    public void close() {
        close(client);
    }

    private static void close(ConnectionFactory client) {
        Promise<Void> closed = Promise.promise();
        client.close(closed);
        closed.future().toCompletionStage().toCompletableFuture().join();
    }

    private static <T> T await(Future<T> future, Duration timeout)
            throws InterruptedException, ExecutionException, TimeoutException {
        return future.toCompletionStage().toCompletableFuture().get(timeout.toMillis(), TimeUnit.MILLISECONDS);
    }

    private static Throwable cause(Exception e) {
        return e instanceof ExecutionException ? e.getCause() : e;
    }
}
