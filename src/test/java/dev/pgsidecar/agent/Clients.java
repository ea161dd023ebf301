package dev.pgsidecar.agent;

import dev.pgsidecar.cluster.Postgres;
import java.io.IOException;
import java.io.StringReader;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import org.awaitility.Awaitility;
import org.postgresql.PGConnection;

/**
 * Three clients of a table (id, at, amount, note) that makes a note "again" into "again and again" by a trigger, each with a ledger of what was acknowledged: rows that it inserted, changed,
 * moved and deleted. Each has rows of its own, and changes some of those that were there before it.
 */
final class Clients implements AutoCloseable {

    private static final int CLIENTS = 3;

    private final Postgres server;
    private final String table;
    private final AtomicBoolean stop = new AtomicBoolean();
    private final List<Thread> threads = new ArrayList<>();
    private final List<Map<Long, String>> ledgers = new ArrayList<>();
    private final ConcurrentLinkedQueue<String> failures = new ConcurrentLinkedQueue<>();
    private final AtomicLong done = new AtomicLong();
    private final AtomicLong longest = new AtomicLong();
    private final boolean through;
    private final int isolation;

    private Clients(Postgres server, String table, boolean through, int isolation) {
        this.server = server;
        this.table = table;
        this.through = through;
        this.isolation = isolation;
    }

    /** What gives a table the trigger that they expect. */
    static String[] again(String table) {
        return new String[] {
            """
            CREATE FUNCTION %1$s_again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
              IF NEW.note = 'again' THEN UPDATE %1$s SET note = 'again and again' WHERE id = NEW.id; END IF; RETURN NULL; END $$""".formatted(table),
            "CREATE TRIGGER a_again AFTER INSERT ON %1$s FOR EACH ROW EXECUTE FUNCTION %1$s_again()".formatted(table)
        };
    }

    static Clients on(Postgres server, String table) {
        return on(server, table, false);
    }

    /** @param through they live through a server's crash: what it had not acknowledged is looked up */
    static Clients on(Postgres server, String table, boolean through) {
        return start(new Clients(server, table, through, Connection.TRANSACTION_READ_COMMITTED));
    }

    /** Every one of their transactions is REPEATABLE READ. */
    static Clients strictlyOn(Postgres server, String table) {
        return start(new Clients(server, table, false, Connection.TRANSACTION_REPEATABLE_READ));
    }

    private static Clients start(Clients clients) {
        for (int client = 0; client < CLIENTS; client++) {
            int number = client;
            TreeMap<Long, String> ledger = new TreeMap<>();
            clients.ledgers.add(ledger);
            clients.threads.add(Thread.ofVirtual().start(() -> clients.run(number, ledger)));
        }
        return clients;
    }

    private void run(int number, TreeMap<Long, String> ledger) {
        Random random = new Random(number);
        while (!stop.get()) {
            try (Connection connection = server.connect("app", "app", "");
                    Statement statement = connection.createStatement()) {
                connection.setTransactionIsolation(isolation);
                learn(number, statement, ledger);
                while (!stop.get()) {
                    long began = System.nanoTime();
                    act(number, random, connection, statement, ledger);
                    longest.accumulateAndGet((System.nanoTime() - began) / 1_000_000, Math::max);
                    done.incrementAndGet();
                }
            } catch (IOException e) {
                failures.add("client %d: %s".formatted(number, e));
                return;
            } catch (SQLException e) {
                boolean away = e.getSQLState() != null
                        && (e.getSQLState().startsWith("08") || e.getSQLState().startsWith("57P"));
                if (!through || !away) {
                    failures.add("client %d: %s %s".formatted(number, e.getSQLState(), e.getMessage()));
                    return;
                }
            }
        }
    }

    /** Its rows as they are: before the first statement, and after a crash. */
    private void learn(int number, Statement statement, TreeMap<Long, String> ledger) throws SQLException {
        Map<Long, String> now = rows(number, statement);
        for (Map.Entry<Long, String> known : ledger.entrySet()) {
            boolean pending = known.getKey() == changing.get(number) || known.getKey() == adding.get(number);
            if (!pending && !known.getValue().equals(now.get(known.getKey()))) {
                failures.add("client %d after a crash: row %d is %s, not %s"
                        .formatted(number, known.getKey(), now.get(known.getKey()), known.getValue()));
            }
        }
        ledger.clear();
        ledger.putAll(now);
    }

    /** What was under way when the server was killed may be there, or not: these rows of each client. */
    private final AtomicLongArray changing = new AtomicLongArray(CLIENTS);

    private final AtomicLongArray adding = new AtomicLongArray(CLIENTS);

    private Map<Long, String> rows(int number, Statement statement) throws SQLException {
        Map<Long, String> rows = new TreeMap<>();
        try (ResultSet all =
                statement.executeQuery("SELECT id, amount || '/' || coalesce(note, '') FROM %s WHERE id %% %d = %d"
                        .formatted(table, CLIENTS, number))) {
            while (all.next()) {
                rows.put(all.getLong(1), all.getString(2));
            }
        }
        return rows;
    }

    private void act(
            int number, Random random, Connection connection, Statement statement, TreeMap<Long, String> ledger)
            throws SQLException, IOException {
        Long known = ledger.ceilingKey((long) random.nextInt(
                Math.max(1, ledger.isEmpty() ? 1 : ledger.lastKey().intValue())));
        long id = known == null ? number : known;
        long fresh = 900_000L + (done.get() * 100 + random.nextInt(100)) * CLIENTS + number;
        int amount = random.nextInt(1000);
        changing.set(number, id);
        adding.set(number, fresh);
        switch (random.nextInt(9)) {
            case 0, 1 -> {
                if (!ledger.containsKey(fresh)) {
                    statement.execute(
                            "INSERT INTO %s (id, at, amount, note) VALUES (%d, now() - %d * interval '1 day', %d, 'fresh')"
                                    .formatted(table, fresh, random.nextInt(30), amount));
                    ledger.put(fresh, amount + "/fresh");
                }
            }
            case 2 -> {
                statement.execute(
                        "UPDATE %s SET amount = %d, note = 'changed' WHERE id = %d".formatted(table, amount, id));
                ledger.put(id, amount + "/changed");
            }
            case 3 -> {
                statement.execute(
                        "UPDATE %s SET at = now() - %d * interval '1 day', amount = %d, note = 'moved' WHERE id = %d"
                                .formatted(table, random.nextInt(30), amount, id));
                ledger.put(id, amount + "/moved");
            }
            case 4 -> {
                statement.execute("DELETE FROM %s WHERE id = %d".formatted(table, id));
                ledger.remove(id);
            }
            case 5 -> {
                connection.setAutoCommit(false);
                statement.execute("SELECT * FROM %s WHERE id = %d FOR UPDATE".formatted(table, id));
                statement.execute(
                        "UPDATE %s SET amount = %d, note = 'held' WHERE id = %d".formatted(table, amount, id));
                if (random.nextBoolean()) {
                    connection.commit();
                    ledger.put(id, amount + "/held");
                } else {
                    connection.rollback();
                }
                connection.setAutoCommit(true);
            }
            case 6 -> {
                if (!ledger.containsKey(fresh)) {
                    connection
                            .unwrap(PGConnection.class)
                            .getCopyAPI()
                            .copyIn(
                                    "COPY %s (id, amount, note) FROM STDIN".formatted(table),
                                    new StringReader("%d\t%d\tcopied\n".formatted(fresh, amount)));
                    ledger.put(fresh, amount + "/copied");
                }
            }
            case 7 -> strictly(connection, statement, id, amount, ledger);
            default -> {
                try (PreparedStatement insert = connection.prepareStatement(
                        "INSERT INTO %s (id, amount, note) VALUES (?, ?, 'again') ON CONFLICT DO NOTHING"
                                .formatted(table))) {
                    insert.setLong(1, fresh);
                    insert.setInt(2, amount);
                    if (insert.executeUpdate() > 0) {
                        ledger.put(fresh, amount + "/again and again");
                    }
                }
            }
        }
    }

    /** A transaction of a stricter level: it sees nothing that others do after it began. */
    private void strictly(Connection connection, Statement statement, long id, int amount, TreeMap<Long, String> ledger)
            throws SQLException {
        connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
        connection.setAutoCommit(false);
        statement.executeQuery("SELECT 1").close();
        try {
            Thread.sleep(5);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        if (amount % 2 == 0) {
            statement.execute("UPDATE %s SET amount = %d, note = 'strict' WHERE id = %d".formatted(table, amount, id));
        } else {
            statement.execute("DELETE FROM %s WHERE id = %d".formatted(table, id));
        }
        connection.commit();
        connection.setAutoCommit(true);
        connection.setTransactionIsolation(isolation);
        if (amount % 2 == 0) {
            ledger.put(id, amount + "/strict");
        } else {
            ledger.remove(id);
        }
    }

    /** Waits until they have done so much more. */
    void await(int more) {
        long before = done.get();
        Awaitility.await("clients")
                .atMost(Duration.ofSeconds(60))
                .until(() -> done.get() >= before + more || !failures.isEmpty());
    }

    /** How many statements or transactions they have done. */
    long done() {
        return done.get();
    }

    /** The longest one since this was last asked, in ms. */
    long longest() {
        return longest.getAndSet(0);
    }

    void stop() {
        stop.set(true);
        try {
            for (Thread thread : threads) {
                thread.join();
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    List<String> failures() {
        return List.copyOf(failures);
    }

    /** Rows that are not as their ledger says. */
    List<String> wrong() throws SQLException {
        List<String> wrong = new ArrayList<>();
        try (Connection connection = server.connect("app", "app", "");
                Statement statement = connection.createStatement()) {
            for (int client = 0; client < CLIENTS; client++) {
                Map<Long, String> there = rows(client, statement);
                Map<Long, String> expected = ledgers.get(client);
                for (Long id : there.keySet()) {
                    if (!there.get(id).equals(expected.get(id))) {
                        wrong.add("row %d is %s, not %s".formatted(id, there.get(id), expected.get(id)));
                    }
                }
                for (Long id : expected.keySet()) {
                    if (!there.containsKey(id)) {
                        wrong.add("row %d is lost: %s".formatted(id, expected.get(id)));
                    }
                }
            }
        }
        return wrong.subList(0, Math.min(20, wrong.size()));
    }

    @Override
    public void close() {
        stop();
    }
}
