package dev.pgsidecar.postgres;

import dev.pgsidecar.postgres.Failure.Kind;
import io.vertx.core.VertxException;
import io.vertx.pgclient.PgException;
import java.net.ConnectException;
import java.net.UnknownHostException;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLException;

/** Gives what went wrong on a connection its name. */
final class Failures {

    /** What the client says when a server refuses to speak TLS; it has no type for it. */
    static final String NO_TLS = "Postgres Server does not handle SSL connection";

    private Failures() {}

    /** The failure of an attempt to connect. */
    static Failure connecting(Throwable thrown) {
        return switch (thrown) {
            case PgException refused -> new Failure(refusalOf(refused), text(refused));
            case TimeoutException _ -> new Failure(Kind.HUNG, "no answer in time");
            case io.netty.channel.ConnectTimeoutException _ -> new Failure(Kind.UNREACHABLE, "no answer in time");
            case ConnectException _ -> new Failure(connectKind(thrown), String.valueOf(thrown.getMessage()));
            case UnknownHostException _ -> new Failure(Kind.UNREACHABLE, String.valueOf(thrown.getMessage()));
            case SSLException _ -> new Failure(Kind.TLS_FAILED, root(thrown));
            case VertxException _
            when String.valueOf(thrown.getMessage()).contains("SSL") -> new Failure(Kind.TLS_FAILED, root(thrown));
            default ->
                String.valueOf(thrown.getMessage()).equals(NO_TLS)
                        ? new Failure(Kind.TLS_FAILED, "the server does not offer TLS")
                        : new Failure(Kind.UNREACHABLE, root(thrown));
        };
    }

    /** The failure of a query on an open connection. */
    static Failure querying(Throwable thrown) {
        return switch (thrown) {
            case PgException refused -> new Failure(kindOf(refused), text(refused));
            case TimeoutException _ -> new Failure(Kind.HUNG, "no answer in time");
            default -> new Failure(Kind.CONNECTION_LOST, root(thrown));
        };
    }

    private static Kind connectKind(Throwable thrown) {
        return String.valueOf(thrown.getMessage()).contains("refused") ? Kind.DOWN : Kind.UNREACHABLE;
    }

    private static Kind refusalOf(PgException refused) {
        return switch (String.valueOf(refused.getSqlState())) {
            case "55000" -> Kind.NO_DATABASE;
            case "42501" -> Kind.AUTHENTICATION_FAILED;
            default -> kindOf(refused);
        };
    }

    /** By SQLSTATE, see "PostgreSQL Error Codes" in the manual. */
    private static Kind kindOf(PgException refused) {
        String state = String.valueOf(refused.getSqlState());
        return switch (state) {
            case "57P03" -> whyNotNow(refused);
            case "57P01" -> Kind.SHUTTING_DOWN;
            case "57P02" -> Kind.CONNECTION_LOST;
            case "53300" -> Kind.OUT_OF_CONNECTIONS;
            case "3D000" -> Kind.NO_DATABASE;
            case "57014" -> Kind.QUERY_TIMED_OUT;
            default -> state.startsWith("28") ? Kind.AUTHENTICATION_FAILED : Kind.QUERY_FAILED;
        };
    }

    /**
     * PostgreSQL has one SQLSTATE for all of these and translates their texts (lc_messages). A text that is not known
     * counts as starting: that is no less closed, and the text itself is shown.
     */
    private static Kind whyNotNow(PgException refused) {
        String text = refused.getErrorMessage() + " " + refused.getDetail();
        if (text.contains("shutting down")) {
            return Kind.SHUTTING_DOWN;
        }
        return text.contains("Hot standby mode is disabled") ? Kind.HOT_STANDBY_OFF : Kind.STARTING;
    }

    private static String text(PgException refused) {
        boolean hidden = String.valueOf(refused.getSqlState()).startsWith("23"); // it shows the row
        String detail = refused.getDetail() == null || hidden ? "" : " (" + refused.getDetail() + ")";
        return refused.getErrorMessage() + detail + " [" + refused.getSqlState() + "]";
    }

    private static String root(Throwable thrown) {
        Throwable deepest = thrown;
        while (deepest.getCause() != null) {
            deepest = deepest.getCause();
        }
        String message = deepest.getMessage();
        return message == null ? deepest.getClass().getSimpleName() : message;
    }
}
