package dev.pgsidecar.postgres;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.config.Trouble;
import dev.pgsidecar.postgres.Failure.Kind;
import io.vertx.core.Vertx;
import io.vertx.core.net.PemTrustOptions;
import io.vertx.pgclient.PgConnectOptions;
import io.vertx.pgclient.SslMode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;

/**
 * The configured server, and how to connect to it. There is no other: no host name or connection string ever comes from
 * a request.
 */
public final class Target {

    /** What is sent for none: the client's SCRAM library chokes on an empty one, and the server would never hear of it. */
    private static final String NO_PASSWORD = " ";

    /** How long an operation tries to connect, at least: an order is worth more than a tick. */
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final Vertx vertx;
    private final Settings.Postgres server;
    private final Duration timeout;

    public Target(Vertx vertx, Settings settings) {
        this.vertx = vertx;
        this.server = settings.postgres();
        this.timeout = settings.observe().timeout();
    }

    /**
     * Opens a session that cannot write.
     *
     * @param purpose what it is for; its {@code application_name} is {@code pgsidecar/purpose}
     * @throws PostgresException with the failure's name
     */
    public Session openReadOnly(String purpose) throws PostgresException, InterruptedException {
        return openReadOnly(purpose, timeout);
    }

    /** The same, with queries that may take longer than a tick's. */
    public Session openReadOnly(String purpose, Duration toAnswer) throws PostgresException, InterruptedException {
        return open(options(purpose, toAnswer).addProperty("default_transaction_read_only", "on"), timeout, toAnswer);
    }

    /**
     * Opens a session that can write, for an operation, and is patient with a server that has much to do. Its commits wait
     * for no standby: what the agent notes must not hang on one that is gone.
     */
    public Session openToWrite(String purpose, Duration toAnswer) throws PostgresException, InterruptedException {
        return open(
                options(purpose, toAnswer)
                        .addProperty("default_transaction_read_only", "off")
                        .addProperty("synchronous_commit", "local"),
                timeout.compareTo(PATIENCE) > 0 ? timeout : PATIENCE,
                toAnswer);
    }

    /**
     * Opens a session in one of the databases whose partitions the agent looks after.
     *
     * @param lockTimeout how long it may wait for a lock, and so keep others waiting behind it
     */
    public Session openIn(String database, String purpose, boolean toWrite, Duration toAnswer, Duration lockTimeout)
            throws PostgresException, InterruptedException {
        PgConnectOptions options = options(purpose, toAnswer)
                .setDatabase(database)
                .addProperty("default_transaction_read_only", toWrite ? "off" : "on")
                .addProperty("synchronous_commit", "local") // a standby that is gone must not keep the locks
                .addProperty("lock_timeout", lockTimeout.toMillis() + "ms")
                .addProperty("row_security", "off") // an error is better than rows that are not seen
                .addProperty("TimeZone", "UTC") // the session's shifts pg_partman's boundaries
                .addProperty("DateStyle", "ISO")
                .addProperty("IntervalStyle", "postgres");
        return open(options, timeout.compareTo(PATIENCE) > 0 ? timeout : PATIENCE, toAnswer);
    }

    private Session open(PgConnectOptions options, Duration toConnect, Duration toAnswer)
            throws PostgresException, InterruptedException {
        try {
            return Session.open(vertx, options, toConnect, toAnswer);
        } catch (PostgresException e) {
            if (e.failure().kind() == Kind.AUTHENTICATION_FAILED && password().equals(NO_PASSWORD)) {
                throw new PostgresException(
                        new Failure(Kind.AUTHENTICATION_FAILED, e.failure().cause() + "; no password is configured"),
                        e);
            }
            throw e;
        }
    }

    @Override
    public String toString() {
        return "%s@%s:%d/%s".formatted(server.user(), server.host(), server.port(), server.database());
    }

    private PgConnectOptions options(String purpose, Duration toAnswer) throws PostgresException {
        PgConnectOptions options = new PgConnectOptions()
                .setHost(server.host())
                .setPort(server.port())
                .setUser(server.user())
                .setDatabase(server.database())
                .setPassword(password())
                .setSslMode(SslMode.of(
                        server.ssl().mode().name().toLowerCase(Locale.ROOT).replace('_', '-')))
                .setCachePreparedStatements(false)
                .addProperty("application_name", "pgsidecar/" + purpose)
                // a little less than ours, so that a slow query is told from a hung server
                .addProperty("statement_timeout", toAnswer.toMillis() * 9 / 10 + "ms")
                .addProperty("search_path", "pg_catalog");
        secure(options);
        return options;
    }

    private void secure(PgConnectOptions options) {
        Settings.SslMode mode = server.ssl().mode();
        options.setHostnameVerificationAlgorithm(mode == Settings.SslMode.VERIFY_FULL ? "HTTPS" : "");
        if (mode.verifies()) {
            String authority = server.ssl().rootCertificate().orElseThrow().toString();
            options.setPemTrustOptions(new PemTrustOptions().addCertPath(authority));
        } else {
            options.setTrustAll(true); // encrypted, not authenticated: what libpq's prefer and require mean
        }
    }

    /** Read at each connect: a rotated secret is picked up without a restart. */
    private String password() throws PostgresException {
        if (server.passwordFile().isEmpty()) {
            return server.password().orElse(NO_PASSWORD);
        }
        Path file = server.passwordFile().get();
        try {
            return Files.readString(file)
                    .lines()
                    .findFirst()
                    .filter(line -> !line.isEmpty())
                    .orElseThrow(() -> new PostgresException(
                            Kind.CREDENTIALS_UNREADABLE, "password-file " + file + ": its first line is empty"));
        } catch (IOException e) {
            throw new PostgresException(
                    new Failure(Kind.CREDENTIALS_UNREADABLE, "password-file " + file + ": " + Trouble.with(e)), e);
        }
    }
}
