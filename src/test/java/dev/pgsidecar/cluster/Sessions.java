package dev.pgsidecar.cluster;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.postgresql.ds.PGSimpleDataSource;

/** Connections to one server. */
final class Sessions {
    private static final int CONNECT_SECONDS = 10;
    private static final int ANSWER_SECONDS = 60;

    private final String host;
    private final int port;

    Sessions(String host, int port) {
        this.host = host;
        this.port = port;
    }

    Connection connect(String database, String user, String password) throws SQLException {
        PGSimpleDataSource source = new PGSimpleDataSource();
        source.setServerNames(new String[] {host});
        source.setPortNumbers(new int[] {port});
        source.setDatabaseName(database);
        source.setUser(user);
        source.setPassword(password);
        source.setApplicationName("test bench");
        source.setConnectTimeout(CONNECT_SECONDS);
        source.setLoginTimeout(CONNECT_SECONDS);
        source.setSocketTimeout(ANSWER_SECONDS);
        return source.getConnection();
    }

    /** Makes the server answer a new session, if only to say that the superuser may not connect. */
    void knock() {
        try (Connection session = connect(Postgres.DATABASE, Postgres.SUPERUSER, "")) {
            session.clearWarnings();
        } catch (SQLException e) {
            if (e.getSQLState() == null || e.getSQLState().startsWith("08")) {
                throw failure(Postgres.DATABASE, "", e);
            }
        }
    }

    void execute(String database, List<String> statements) {
        use(database, statements.toString(), statement -> {
            for (String sql : statements) {
                statement.execute(sql);
            }
            return null;
        });
    }

    /** The first column of the rows; a null stays a null. */
    List<String> column(String database, String sql) {
        return use(database, sql, statement -> {
            List<String> values = new ArrayList<>();
            try (ResultSet rows = statement.executeQuery(sql)) {
                while (rows.next()) {
                    values.add(rows.getString(1));
                }
            }
            return values;
        });
    }

    /** The one value of a query; no row, or several, is an error. */
    String value(String database, String sql) {
        List<String> values = column(database, sql);
        if (values.size() != 1) {
            throw new BenchException(values.size() + " rows instead of one: " + sql);
        }
        return values.getFirst();
    }

    private <T> T use(String database, String sql, Work<T> work) {
        try (Connection connection = connect(database, Postgres.SUPERUSER, "");
                Statement statement = connection.createStatement()) {
            return work.with(statement);
        } catch (SQLException e) {
            throw failure(database, sql, e);
        }
    }

    private SqlFailure failure(String database, String sql, SQLException e) {
        String state = Objects.requireNonNullElse(e.getSQLState(), "none");
        return new SqlFailure(host + ":" + port + "/" + database + ": " + e.getMessage() + " [" + sql + "]", state, e);
    }

    private interface Work<T> {
        T with(Statement statement) throws SQLException;
    }
}
