package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Postgres;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/** Clients of every sort that write as fast as they can, and come back whenever they are thrown out. */
final class Fleet implements AutoCloseable {

    /** A kind of writer: who it is, and what it does in each session, again and again. */
    private record Kind(String name, String role, Work work) {}

    private interface Work {
        void once(Statement statement, long number) throws SQLException;
    }

    private static final List<Kind> KINDS = List.of(
            new Kind("autocommit", "app", (s, n) -> s.execute("INSERT INTO t DEFAULT VALUES")),
            new Kind("open transaction", "app", (s, n) -> {
                s.execute("BEGIN");
                s.execute("INSERT INTO t DEFAULT VALUES");
                s.execute("SELECT pg_sleep(0.3)");
                s.execute("COMMIT");
            }),
            new Kind("BEGIN READ WRITE", "app", (s, n) -> {
                s.execute("BEGIN READ WRITE");
                s.execute("INSERT INTO t DEFAULT VALUES");
                s.execute("COMMIT");
            }),
            new Kind("SET default_transaction_read_only", "app", (s, n) -> {
                s.execute("SET default_transaction_read_only = off");
                s.execute("INSERT INTO t DEFAULT VALUES");
            }),
            new Kind("a role with its own setting", "stubborn", (s, n) -> s.execute("INSERT INTO t DEFAULT VALUES")),
            new Kind("large object", "app", (s, n) -> s.execute("SELECT lo_create(0)")),
            new Kind("sequence", "app", (s, n) -> s.execute("SELECT nextval('alone')")),
            new Kind("DDL", "app", (s, n) -> s.execute("CREATE TABLE IF NOT EXISTS made_%d ()".formatted(n % 500))),
            new Kind(
                    "COPY",
                    "app",
                    (s, n) -> s.execute("INSERT INTO t SELECT nextval('t_v_seq') FROM generate_series(1, 20)")),
            new Kind("NOTIFY", "app", (s, n) -> s.execute("NOTIFY somebody, 'x'")));

    private static final Kind SUPERUSER = new Kind("superuser", Postgres.SUPERUSER, (s, n) -> {
        s.execute("SET default_transaction_read_only = off");
        s.execute("INSERT INTO t DEFAULT VALUES");
    });

    /** too_many_connections, and object_not_in_prerequisite_state of a database that accepts no connections. */
    private static final Set<String> REFUSED = Set.of("53300", "55000");

    private final Postgres server;
    private final AtomicBoolean stopped = new AtomicBoolean();
    private final List<Thread> threads = new ArrayList<>();
    private final Map<String, AtomicLong> done = new ConcurrentHashMap<>();
    private final Map<String, AtomicLong> refused = new ConcurrentHashMap<>();

    /** Makes what they write to; as a superuser, before the server is paused. */
    static void prepare(Postgres server) {
        server.sql("CREATE ROLE stubborn LOGIN", "ALTER ROLE stubborn SET default_transaction_read_only = off");
        server.sqlIn("app", "SET ROLE app", "CREATE SEQUENCE alone", "GRANT ALL ON t, t_v_seq TO stubborn");
        server.hba("host all stubborn 127.0.0.1/32 trust");
    }

    /** @param superusers whether a superuser is among them */
    Fleet(Postgres server, boolean superusers) {
        this.server = server;
        List<Kind> kinds = new ArrayList<>(KINDS);
        if (superusers) {
            kinds.add(SUPERUSER);
        }
        for (Kind kind : kinds) {
            done.put(kind.name(), new AtomicLong());
            refused.put(kind.name(), new AtomicLong());
            threads.add(Thread.ofVirtual().name(kind.name()).start(() -> write(kind)));
        }
    }

    private void write(Kind kind) {
        long number = 0;
        while (!stopped.get()) {
            try (Connection session = server.connect("app", kind.role(), "");
                    Statement statement = session.createStatement()) {
                while (!stopped.get()) {
                    kind.work().once(statement, number++);
                    done.get(kind.name()).incrementAndGet();
                }
            } catch (SQLException e) {
                if (REFUSED.contains(e.getSQLState())) {
                    refused.get(kind.name()).incrementAndGet();
                }
                pause(); // thrown out, or kept out
            }
        }
    }

    private static void pause() {
        try {
            Thread.sleep(5);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** How often each kind has been acknowledged by now. */
    Map<String, Long> acknowledged() {
        return copy(done);
    }

    /** Waits until a commit of each kind has been acknowledged since. */
    void awaitCommits() {
        awaitMore(done, 1);
    }

    /**
     * Waits until a new session of each kind has been refused so many times. Each kind has one client, which has then counted
     * all that was acknowledged to it before.
     */
    void awaitRefusals(int times) {
        awaitMore(refused, times);
    }

    private static void awaitMore(Map<String, AtomicLong> counters, long more) {
        Map<String, Long> before = copy(counters);
        await().atMost(Duration.ofSeconds(60))
                .pollInterval(Duration.ofMillis(20))
                .untilAsserted(() -> assertThat(copy(counters))
                        .allSatisfy((kind, count) ->
                                assertThat(count).as(kind).isGreaterThanOrEqualTo(before.get(kind) + more)));
    }

    private static Map<String, Long> copy(Map<String, AtomicLong> counters) {
        Map<String, Long> counts = new ConcurrentHashMap<>();
        counters.forEach((kind, count) -> counts.put(kind, count.get()));
        return counts;
    }

    /** All that they can have changed, as a standby has it: there a superuser may look during a pause. */
    static String traces(Postgres standby) throws SQLException {
        try (Connection session = standby.connect("app", Postgres.SUPERUSER, "");
                Statement statement = session.createStatement();
                ResultSet row =
                        statement.executeQuery("SELECT (SELECT count(*) FROM t), (SELECT last_value FROM alone),"
                                + " (SELECT last_value FROM t_v_seq), (SELECT count(*) FROM pg_largeobject_metadata),"
                                + " (SELECT count(*) FROM pg_class)")) {
            row.next();
            return "%s rows, alone at %s, t at %s, %s large objects, %s relations"
                    .formatted(
                            row.getString(1), row.getString(2), row.getString(3), row.getString(4), row.getString(5));
        }
    }

    @Override
    public void close() {
        stopped.set(true);
        for (Thread thread : threads) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
