package dev.pgsidecar.cluster;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * One PostgreSQL server of a {@link Cluster}. It listens on 127.0.0.1 and on a Unix-domain socket in
 * {@link #socketDirectory()}; its superuser {@value #SUPERUSER} needs no password there, every other role needs one.
 *
 * <p>Statements open and close a connection of their own. Without other words, a failing statement or connection is a
 * {@link SqlFailure}, and whatever else goes wrong, or takes longer than a minute, is a {@link BenchException} with the
 * end of the server's log. Operations on the processes of a server that is down throw {@link IllegalStateException}.
 */
public final class Postgres {
    /** The superuser of every server. */
    public static final String SUPERUSER = "postgres";

    /** The database that statements run in when none is named. */
    public static final String DATABASE = "postgres";

    private static final Duration PROMOTION = Duration.ofSeconds(60);
    private static final Duration PORT_WAIT = Duration.ofSeconds(10);

    private final String name;
    private final int port;
    private final PostgresBinaries binaries;
    private final ClusterFolder folder;
    private final Configuration configuration;
    private final ServerProcess process;
    private final Sessions sessions;

    Postgres(String name, int port, PostgresBinaries binaries, ClusterFolder folder, Configuration configuration) {
        this.name = name;
        this.port = port;
        this.binaries = binaries;
        this.folder = folder;
        this.configuration = configuration;
        this.process = new ServerProcess(binaries, folder.data(name), folder.log(name));
        this.sessions = new Sessions(host(), port);
    }

    /** Its name in the cluster: also its cluster_name and, as a standby, its application_name. */
    public String name() {
        return name;
    }

    /** 127.0.0.1. */
    public String host() {
        return "127.0.0.1";
    }

    /** The TCP port, the same throughout the server's life. */
    public int port() {
        return port;
    }

    /** The major version. */
    public int major() {
        return binaries.major();
    }

    /** The programs it runs. */
    public PostgresBinaries binaries() {
        return binaries;
    }

    /** Its data directory. */
    public Path dataDirectory() {
        return folder.data(name);
    }

    /** Where its Unix-domain socket is. */
    public Path socketDirectory() {
        return folder.sockets();
    }

    /** What it logs, over all its starts. */
    public Path logFile() {
        return folder.log(name);
    }

    /** The content of {@link #logFile()}. */
    public String log() {
        return process.log();
    }

    /** The name of its physical replication slot on its upstream, if it has one: its name with underscores. */
    public String slotName() {
        return name.replace('-', '_');
    }

    /** Runs statements in {@link #DATABASE}, one after the other in one session, each in its own transaction. */
    public void sql(String... statements) {
        sqlIn(DATABASE, statements);
    }

    /** Runs statements in another database. */
    public void sqlIn(String database, String... statements) {
        sessions.execute(database, List.of(statements));
    }

    /** The one value of a query that returns one row, null for SQL's null; any other number of rows is an error. */
    public String query(String sql) {
        return queryIn(DATABASE, sql);
    }

    /** As {@link #query}, in another database. */
    public String queryIn(String database, String sql) {
        return sessions.value(database, sql);
    }

    /** The first column of a query's rows. */
    public List<String> queryColumn(String sql) {
        return sessions.column(DATABASE, sql);
    }

    /** A connection as superuser to {@link #DATABASE}, for the caller to close. */
    public Connection connect() throws SQLException {
        return connect(DATABASE, SUPERUSER, "");
    }

    /** A connection for the caller to close; waits 10 s to connect and 60 s for an answer. */
    public Connection connect(String database, String user, String password) throws SQLException {
        return sessions.connect(database, user, password);
    }

    /** Starts the server and returns when it accepts connections; an error when it runs already. */
    public void start() {
        long deadline = System.nanoTime() + PORT_WAIT.toNanos();
        while (!tryStart()) {
            if (System.nanoTime() - deadline > 0) {
                throw new BenchException("port " + port + " of " + name + " is taken by another process");
            }
        }
    }

    /** Starts the server's postmaster and returns at once; whether it comes up is for the caller to see. */
    public void startWithoutWaiting() {
        process.start();
    }

    /** Starts the server; false when its port is taken. */
    boolean tryStart() {
        process.start();
        return process.awaitReady();
    }

    /** Waits for a server that {@link #startWithoutWaiting} started; false when its port is taken. */
    boolean awaitReady() {
        return process.awaitReady();
    }

    /** Its part of a snapshot. */
    Snapshot.Member member() {
        boolean standby = Files.exists(dataDirectory().resolve("standby.signal"));
        return new Snapshot.Member(name, port, configuration.extra(), standby);
    }

    /** Fast shutdown; does nothing when the server is down. */
    public void stop() {
        stop(StopMode.FAST);
    }

    /** Shuts the server down and waits for its end, 60 s at most; does nothing when it is down. */
    public void stop(StopMode mode) {
        process.stop(mode);
    }

    /** Kills the postmaster and all its children at one moment, as a crash of the machine would. */
    public void kill() {
        process.kill();
    }

    /** {@link #stop()} and {@link #start()}. */
    public void restart() {
        stop();
        start();
    }

    /**
     * Reloads the configuration. Sessions opened after this returns use it; older ones, and the server's own processes,
     * follow by themselves.
     *
     * @throws BenchException when the files have mistakes, with what the server says about them
     */
    public void reload() {
        process.reload(sessions::knock);
    }

    /** Whether there is a postmaster, be it hanging, starting or not accepting connections. */
    public boolean isRunning() {
        return process.isRunning();
    }

    /** The postmaster's process id. */
    public long pid() {
        return process.pid();
    }

    /** Stops the postmaster and all its children (SIGSTOP): connections are accepted by the kernel, nobody answers. */
    public void hang() {
        process.hang();
    }

    /** Stops the postmaster alone: open sessions work on, new ones get no answer. */
    public void hangPostmaster() {
        process.hangPostmaster();
    }

    /** Ends {@link #hang()} and {@link #hangPostmaster()}. */
    public void resume() {
        process.resume();
    }

    /** Promotes a standby with pg_ctl and returns when it accepts writes, after 60 s at most. */
    public void promote() {
        List<String> promote = List.of(
                binaries.program("pg_ctl"),
                "promote",
                "--pgdata=" + dataDirectory(),
                "--timeout=" + PROMOTION.toSeconds());
        Commands.run(
                dataDirectory(), PROMOTION.plusSeconds(5), Account.current().command(promote));
        Await.until(PROMOTION, () -> query("SELECT pg_is_in_recovery()").equals("f"), () -> "promotion of " + name);
    }

    /**
     * Adds a setting to the configuration and reloads, when the server runs. Settings in postgresql.auto.conf, such as
     * the primary_conninfo of a streaming standby, win over it: change those with ALTER SYSTEM.
     *
     * @param value as in postgresql.conf, with quotes where needed
     * @throws BenchException when the running server refuses it
     */
    public void setting(String setting, String value) {
        configuration.append(setting, value);
        if (isRunning()) {
            reload();
        }
    }

    /**
     * Puts a line before all others of pg_hba.conf and reloads, when the server runs.
     *
     * @throws BenchException when the running server refuses it
     */
    public void hba(String line) {
        configuration.prependAccess(line);
        if (isRunning()) {
            reload();
        }
    }

    Configuration configuration() {
        return configuration;
    }

    Map<String, String> neededByStandbys() {
        return configuration.neededByStandbys();
    }

    /** The name and the address. */
    @Override
    public String toString() {
        return name + " (" + host() + ":" + port + ")";
    }
}
