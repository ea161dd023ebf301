package dev.pgsidecar.cluster;

import java.nio.file.Path;
import java.util.stream.Stream;

/** A database {@code app} of an ordinary role {@code app} with pg_partman, and partition sets in it. */
public final class Partitioned {

    public static final String DATABASE = "app";
    private static final Path CARETAKER = Path.of("deploy/sql/caretaker.sql").toAbsolutePath();

    private final Postgres server;
    private final String schema;

    private Partitioned(Postgres server, String schema) {
        this.server = server;
        this.schema = schema;
    }

    /** What {@link #on} has made on this server, or on the one that it is a copy of. */
    public static Partitioned of(Postgres server) {
        return new Partitioned(server, "partman");
    }

    /** Makes it on a primary. */
    public static Partitioned on(Postgres server) {
        return on(server, "partman");
    }

    /** The same with the extension in another schema. */
    public static Partitioned on(Postgres server, String schema) {
        server.sql("CREATE ROLE app LOGIN", "CREATE DATABASE app OWNER app");
        server.sqlIn(
                DATABASE,
                "CREATE SCHEMA IF NOT EXISTS %s".formatted(schema),
                "CREATE EXTENSION pg_partman SCHEMA %s".formatted(schema),
                "GRANT ALL ON SCHEMA public TO app");
        return new Partitioned(server, schema);
    }

    /** Gives the agent its rights, as of the sets that there are. */
    public Partitioned grant() {
        Psql.run(server, CARETAKER, "--dbname=" + DATABASE);
        return this;
    }

    /** Gives it the rights for a table that is to be converted, too. */
    public Partitioned grantFor(String table) {
        Psql.run(server, CARETAKER, "--dbname=" + DATABASE, "--set=convert=" + table);
        return this;
    }

    /** Runs statements as the application's role. */
    public Partitioned asApp(String... statements) {
        return sql(
                Stream.concat(Stream.of("SET ROLE app"), Stream.of(statements)).toArray(String[]::new));
    }

    /** A set by day, of column {@code at}. */
    public Partitioned byDay(String table) {
        return byDay(table, "CURRENT_TIMESTAMP");
    }

    /** The same, whose first partition is that of this moment, an SQL expression. */
    public Partitioned byDay(String table, String start) {
        return set(table, "at", is4() ? "daily" : "1 day", "to_char(%s, 'YYYY-MM-DD')".formatted(start));
    }

    /** A set of ten thousand numbers a partition, of column {@code id}. */
    public Partitioned byNumber(String table) {
        return set(table, "id", "10000", "NULL");
    }

    /** A set by day of milliseconds since 1970, of column {@code ms}. */
    public Partitioned byEpoch(String table) {
        return sql(
                "CREATE TABLE %s (ms bigint NOT NULL PRIMARY KEY) PARTITION BY RANGE (ms)".formatted(table),
                "ALTER TABLE %s OWNER TO app".formatted(table),
                "SELECT %s.create_parent(p_parent_table => '%s', p_control => 'ms', p_interval => '%s', %s p_epoch => 'milliseconds')"
                        .formatted(schema(), table, is4() ? "daily" : "1 day", is4() ? "p_type => 'native'," : ""));
    }

    private Partitioned set(String table, String control, String interval, String start) {
        String key = control.equals("id") ? "id" : "id, at";
        server.sqlIn(
                DATABASE,
                "CREATE TABLE %s (id bigint NOT NULL, at timestamptz NOT NULL DEFAULT now(), note text, PRIMARY KEY (%s))"
                                .formatted(table, key)
                        + " PARTITION BY RANGE (%s)".formatted(control),
                "ALTER TABLE %s OWNER TO app".formatted(table),
                "SELECT %s.create_parent(p_parent_table => '%s', p_control => '%s', p_interval => '%s', %s p_start_partition => %s)"
                        .formatted(schema(), table, control, interval, is4() ? "p_type => 'native'," : "", start));
        return this;
    }

    private boolean is4() {
        return server.major() == 15;
    }

    /** The extension's schema; pg_partman takes none that needs quotes. */
    public String schema() {
        return schema;
    }

    /** Runs statements in the database. */
    public Partitioned sql(String... statements) {
        server.sqlIn(DATABASE, statements);
        return this;
    }

    public String query(String sql) {
        return server.queryIn(DATABASE, sql);
    }

    /** Changes a set's row of part_config. */
    public Partitioned config(String set, String assignments) {
        return sql("UPDATE %s.part_config SET %s WHERE parent_table = '%s'".formatted(schema(), assignments, set));
    }

    /** How many partitions a set has, without the default one. */
    public int partitions(String set) {
        return Integer.parseInt(query("SELECT count(*) FROM %s.show_partitions('%s')".formatted(schema(), set)));
    }

    /** How many rows are in its default partition. */
    public int inDefault(String set) {
        return Integer.parseInt(query("SELECT count(*) FROM %s_default".formatted(set)));
    }
}
