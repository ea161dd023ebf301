package dev.pgsidecar.postgres;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.impl.VertxInternal;
import io.vertx.core.json.JsonObject;
import io.vertx.pgclient.PgConnectOptions;
import io.vertx.pgclient.PgConnection;
import io.vertx.pgclient.PgException;
import io.vertx.pgclient.SslMode;
import io.vertx.sqlclient.PreparedStatement;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.SqlConnection;
import io.vertx.sqlclient.Tuple;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jboss.logging.Logger;

/**
 * One connection to the server, in plain blocking style for one virtual thread. Every call is bounded in time, closing
 * too: a socket is gone before the next one is opened.
 */
public final class Session implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(Session.class);
    private static final Duration LEAVE = Duration.ofMillis(500);
    private static final int MOST_NOTICES = 100;

    private final Wire wire;
    private final SqlConnection connection;
    private final Duration timeout;
    private final Map<String, PreparedStatement> prepared = new HashMap<>();
    private final Queue<String> notices = new ArrayBlockingQueue<>(MOST_NOTICES);
    private Future<?> sent = Future.succeededFuture();
    private boolean hung;

    private Session(Wire wire, SqlConnection connection, Duration timeout) {
        this.wire = wire;
        this.connection = connection;
        this.timeout = timeout;
        // What the server says unasked (it shuts down, it ends this session) is told by the next query.
        connection.exceptionHandler(unasked -> LOG.debugf("%s", unasked.getMessage()));
        PgConnection.cast(connection)
                .noticeHandler(notice -> notices.offer(notice.getSeverity() + ": " + notice.getMessage()));
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
        bounded.setConnectTimeout((int) toConnect.toMillis()).setTcpKeepAlive(true);
        Wire wire = new Wire((VertxInternal) vertx, bounded);
        try {
            return new Session(wire, await(wire.connect(vertx.getOrCreateContext()), toConnect), toAnswer);
        } catch (ExecutionException | TimeoutException e) {
            wire.cut();
            throw new PostgresException(Failures.connecting(cause(e)), cause(e));
        } catch (InterruptedException | RuntimeException e) {
            wire.cut();
            throw e;
        }
    }

    /**
     * Runs a query of one row and one column of type json. It is planned once per session.
     *
     * @param values for $1, $2 and so on
     * @throws PostgresException with the failure's name; unless the server itself refused the query, the session is of
     *     no use any more
     */
    public JsonObject json(String sql, Object... values) throws PostgresException, InterruptedException {
        return (JsonObject) ask(sql, values).iterator().next().getValue(0);
    }

    /**
     * Runs a statement that changes rows, and tells how many. It is planned once per session.
     *
     * @throws PostgresException as {@link #json}
     */
    public long rows(String sql, Object... values) throws PostgresException, InterruptedException {
        return ask(sql, values).rowCount();
    }

    private RowSet<Row> ask(String sql, Object... values) throws PostgresException, InterruptedException {
        try {
            PreparedStatement statement = prepared.get(sql);
            if (statement == null) {
                statement = answer(connection.prepare(sql));
                prepared.put(sql, statement);
            }
            return answer(statement.query().execute(Tuple.wrap(values)));
        } catch (ExecutionException | TimeoutException e) {
            hung = e instanceof TimeoutException;
            throw new PostgresException(Failures.querying(cause(e)), cause(e));
        }
    }

    /** Sends a statement that answers nothing, and does not wait: if it failed, that is what the next call tells. */
    public void send(String sql) {
        Future<?> before = sent;
        Future<?> now = connection.query(sql).execute();
        sent = before.compose(_ -> now);
    }

    /** The answer to what was asked last, if all that was sent before it succeeded. */
    private <T> T answer(Future<T> asked) throws InterruptedException, ExecutionException, TimeoutException {
        Future<?> before = sent;
        sent = Future.succeededFuture();
        return await(before.compose(_ -> asked), timeout);
    }

    /**
     * Runs a statement that answers nothing, such as CHECKPOINT.
     *
     * @throws PostgresException as {@link #json}
     */
    public void run(String sql) throws PostgresException, InterruptedException {
        try {
            answer(connection.query(sql).execute());
        } catch (ExecutionException | TimeoutException e) {
            hung = e instanceof TimeoutException;
            throw new PostgresException(Failures.querying(cause(e)), cause(e));
        }
    }

    /** What the server has said beside its answers since this was last asked, such as {@code NOTICE: ...}. */
    public List<String> notices() {
        List<String> said = new ArrayList<>();
        for (String notice; (notice = notices.poll()) != null; ) {
            said.add(notice);
        }
        return said;
    }

    /** Ends the session and waits until its socket is gone; takes leave only of a server that still answers. */
    @Override
    public void close() {
        if (!hung) {
            connection.close();
            wire.awaitGone(LEAVE);
        }
        wire.cut();
    }

    private static <T> T await(Future<T> future, Duration timeout)
            throws InterruptedException, ExecutionException, TimeoutException {
        return future.toCompletionStage().toCompletableFuture().get(timeout.toMillis(), TimeUnit.MILLISECONDS);
    }

    private static Throwable cause(Exception e) {
        return e instanceof ExecutionException ? e.getCause() : e;
    }
}
