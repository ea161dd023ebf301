package dev.pgsidecar.postgres;

/**
 * Why the server could not be observed.
 *
 * @param kind the failure's own name
 * @param cause what was seen, for a person: an error's text, with its SQLSTATE where there was one
 */
public record Failure(Kind kind, String cause) {

    /** The names that probes, logs and metrics use. */
    public enum Kind {
        /** Nothing listens: connection refused. */
        DOWN("down"),
        /** Nothing listens, and pg_control says that the server was shut down: somebody meant it. */
        STOPPED("stopped"),
        /** 57P03: starting up, in crash recovery, or not yet consistent. */
        STARTING("starting"),
        /** 57P03: shutting down; or 57P01 on an open connection. */
        SHUTTING_DOWN("shutting-down"),
        /** 57P03 on a standby with hot_standby = off. */
        HOT_STANDBY_OFF("hot-standby-off"),
        /** 53300: all connections are in use. */
        OUT_OF_CONNECTIONS("out-of-connections"),
        /** 28xxx: wrong password, no such role, or no line in pg_hba.conf; 42501: no right to connect. */
        AUTHENTICATION_FAILED("authentication-failed"),
        /** 3D000, or 55000 where the database accepts no connections at all. */
        NO_DATABASE("no-database"),
        /** The server, or what stands in its place, took the connection or the query and did not answer in time. */
        HUNG("hung"),
        /** An open connection broke, as in a crash. */
        CONNECTION_LOST("connection-lost"),
        /** The server cancelled the query: statement_timeout. */
        QUERY_TIMED_OUT("query-timed-out"),
        /** The server answered the query with an error. */
        QUERY_FAILED("query-failed"),
        /** TLS could not be agreed on, or the certificate is not the expected one. */
        TLS_FAILED("tls-failed"),
        /** The password file, or the authority's certificate, cannot be read. */
        CREDENTIALS_UNREADABLE("credentials-unreadable"),
        /** Another system_identifier than the pinned or learned one. */
        WRONG_INSTANCE("wrong-instance"),
        /** The learned identity is kept in a file that cannot be read. */
        IDENTITY_UNREADABLE("identity-unreadable"),
        /** Older than PostgreSQL 15. */
        UNSUPPORTED_VERSION("unsupported-version"),
        /** Anything else on the way to the server: no such host, no route, no PostgreSQL at the other end. */
        UNREACHABLE("unreachable");

        private final String id;

        Kind(String id) {
            this.id = id;
        }

        /** The name as users see it. */
        public String id() {
            return id;
        }
    }

    /** The server's answer is one that no PostgreSQL gives. */
    public static Failure nonsense(RuntimeException e) {
        return new Failure(Kind.UNREACHABLE, "the server's answer makes no sense: " + e);
    }

    @Override
    public String toString() {
        return kind.id() + ": " + cause;
    }
}
