package dev.pgsidecar.cluster;

import java.sql.SQLException;

/** A statement that a server refused, or a connection that failed; the cause is the driver's exception. */
public final class SqlFailure extends BenchException {
    private static final long serialVersionUID = 1L;

    private final String sqlState;

    SqlFailure(String message, String sqlState, SQLException cause) {
        super(message, cause);
        this.sqlState = sqlState;
    }

    /** The five characters of the SQLSTATE, or "none". */
    public String sqlState() {
        return sqlState;
    }

    /** Whether somebody ended the session (pg_terminate_backend), be it that the driver only saw the connection break. */
    public boolean sessionEnded() {
        return sqlState.equals("57P01") || sqlState.startsWith("08");
    }
}
