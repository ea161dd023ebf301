package dev.pgsidecar.postgres;

import dev.pgsidecar.postgres.catalog.Contents.Range;
import dev.pgsidecar.postgres.catalog.Partition;
import dev.pgsidecar.postgres.catalog.PartitionSet;
import dev.pgsidecar.postgres.catalog.WorkSql;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What pg_partman is told to do with one set: each method is one transaction, which is there as a whole or not at all. After
 * an error the session has to be closed.
 */
public final class PartmanWork {

    private static final String LOCK_NOT_AVAILABLE = "55P03";

    private final PartmanSession partman;
    private final Session session;

    public PartmanWork(PartmanSession partman) {
        this.partman = partman;
        this.session = partman.session();
    }

    /** pg_partman has not done it, although it answered. */
    public static final class NotDone extends Exception {
        private static final long serialVersionUID = 1;
        private final boolean passes;

        public NotDone(String why, boolean passes) {
            super(why);
            this.passes = passes;
        }

        /** Whether what stands in the way may pass by itself. */
        public boolean passes() {
            return passes;
        }
    }

    /**
     * Makes the partitions that are due, and leaves retention for {@link #retain}: if that fails, they stay.
     *
     * @return what pg_partman warned of
     */
    public List<String> premake(PartitionSet set) throws PostgresException, NotDone, InterruptedException {
        WorkSql sql = new WorkSql(set, partman.schema());
        session.notices();
        begin();
        // Read under its lock: nobody else's change of it is undone.
        String retention = session.json(sql.retentionLocked(), set.name()).getString("retention");
        setRetention(sql, set, retention, null);
        session.json(sql.runMaintenance(), set.name());
        List<String> warnings = heard();
        setRetention(sql, set, retention, retention);
        giveToOwner(sql, set);
        session.run("COMMIT");
        return warnings;
    }

    private void setRetention(WorkSql sql, PartitionSet set, String before, String now)
            throws PostgresException, InterruptedException {
        if (before != null) {
            session.json(sql.setRetention(), set.name(), now);
        }
    }

    /**
     * Drops, or detaches, what is older than the retention.
     *
     * @return how many partitions
     */
    public long retain(PartitionSet set) throws PostgresException, NotDone, InterruptedException {
        session.notices();
        begin();
        long dropped = session.json(new WorkSql(set, partman.schema()).drop(), set.name())
                .getLong("dropped");
        heard();
        session.run("COMMIT");
        return dropped;
    }

    /**
     * Makes the partition of a range, and those between it and the newest, and moves the rows of the default partition there
     * that belong there. Nobody sees them missing, or twice. No trigger of the user fires.
     *
     * @return how many rows
     */
    public long move(PartitionSet set, Range range) throws PostgresException, NotDone, InterruptedException {
        WorkSql sql = new WorkSql(set, partman.schema());
        session.notices();
        begin();
        Partition from = set.defaultPartition().orElseThrow();
        session.run(sql.lock());
        if (partman.set(set.name()).filter(PartitionSet::referenced).isPresent()) { // by now nobody can make one
            throw new NotDone("a foreign key refers to it", false);
        }
        Triggers ofDefault = Triggers.off(session, from);
        session.run(sql.makeShelf());
        long taken = session.json(sql.take(), range.from(), range.to()).getLong("rows");
        if (set.newest().filter(newest -> isBehind(range, newest)).isPresent()) {
            session.json(sql.fill(), set.name(), set.newest().get().to().getAsLong(), range.from());
        }
        session.json(sql.create(), set.name(), range.from());
        heard();
        giveToOwner(sql, set);
        Partition to = made(set, range);
        Triggers ofNew = Triggers.off(session, to);
        String columns = session.json(WorkSql.COLUMNS, from.oid()).getString("columns");
        long put = session.json(sql.put(to, columns)).getLong("rows");
        if (put != taken) {
            throw new NotDone("%d rows were taken and %d put back: nothing was changed".formatted(taken, put), false);
        }
        session.run("SET CONSTRAINTS ALL IMMEDIATE"); // what is still to be checked keeps triggers from being altered
        ofDefault.back(session);
        ofNew.back(session);
        session.run("COMMIT");
        return taken;
    }

    private static boolean isBehind(Range range, Partition newest) {
        return newest.to().isPresent() && newest.to().getAsLong() < range.from();
    }

    private Partition made(PartitionSet set, Range range) throws PostgresException, NotDone, InterruptedException {
        return partman.again(set).partitions().stream()
                .filter(each -> each.from().isPresent() && each.from().getAsLong() == range.from())
                .findFirst()
                .orElseThrow(() -> new NotDone("pg_partman made no partition for this range", false));
    }

    /** A partition that the agent made belongs to it: the owner of the parent could not alter the parent any more. */
    void giveToOwner(WorkSql sql, PartitionSet set) throws PostgresException, InterruptedException {
        runAll(session, session.json(sql.ownership(), set.quoted()).getJsonArray("statements"));
    }

    static void runAll(Session session, JsonArray statements) throws PostgresException, InterruptedException {
        for (Object statement : statements) {
            session.run((String) statement);
        }
    }

    /** The user's triggers of a table that shall not fire because rows change their place. */
    private record Triggers(JsonArray statements) {

        static Triggers off(Session session, Partition of) throws PostgresException, InterruptedException {
            JsonObject triggers = session.json(WorkSql.TRIGGERS, of.oid());
            runAll(session, triggers.getJsonArray("off"));
            return new Triggers(triggers.getJsonArray("back"));
        }

        void back(Session session) throws PostgresException, InterruptedException {
            runAll(session, statements);
        }
    }

    /** Who has held the set for longer than this with locks that its next partition has to wait for. */
    public List<String> holdersOf(PartitionSet set, Duration longer) throws PostgresException, InterruptedException {
        return holders(set, List.of(), false, longer);
    }

    /** The same for what locks the set against everybody: moving rows, and dropping these partitions. */
    public List<String> holdersOf(PartitionSet set, List<Partition> due, Duration longer)
            throws PostgresException, InterruptedException {
        return holders(set, due, true, longer);
    }

    private List<String> holders(PartitionSet set, List<Partition> due, boolean exclusive, Duration longer)
            throws PostgresException, InterruptedException {
        WorkSql sql = new WorkSql(set, partman.schema());
        return session
                .json(
                        sql.holders(exclusive),
                        set.quoted(),
                        due.stream().map(Partition::oid).toArray(Long[]::new),
                        longer.toMillis() / 1000.0)
                .getJsonArray("holders")
                .stream()
                .map(Object::toString)
                .toList();
    }

    /** The publications that replicate each partition under its own name: their subscribers have to be told of a new one. */
    public List<String> publications(PartitionSet set) throws PostgresException, InterruptedException {
        return session.json(WorkSql.PUBLICATIONS, set.quoted()).getJsonArray("names").stream()
                .map(Object::toString)
                .toList();
    }

    private void begin() throws PostgresException, NotDone, InterruptedException {
        session.run("BEGIN ISOLATION LEVEL READ COMMITTED");
        try {
            session.run(WorkSql.AWAIT_TURN);
        } catch (PostgresException e) {
            if (!e.sqlState().equals(Optional.of(LOCK_NOT_AVAILABLE))) {
                throw e;
            }
            session.run("ROLLBACK");
            throw new NotDone("another maintenance runs: " + turn(), true);
        }
    }

    /** After an error run_maintenance_proc leaves its lock with its session, and every later run does nothing. */
    private String turn() throws PostgresException, InterruptedException {
        return Optional.ofNullable(session.json(WorkSql.WHOSE_TURN).getString("holder"))
                .orElse("it has just ended");
    }

    /** What pg_partman said: that it has skipped the set is a failure, whatever it answered. */
    private List<String> heard() throws NotDone {
        List<String> notices = session.notices();
        for (String notice : notices) {
            if (notice.contains("already running")) {
                throw new NotDone(firstLine(notice), true);
            }
            if (notice.contains("skipped")) {
                throw new NotDone(firstLine(notice.replaceFirst(".*for parent table [^:]*: ", "")), false);
            }
        }
        return notices.stream()
                .filter(notice -> notice.startsWith("WARNING"))
                .map(PartmanWork::firstLine)
                .toList();
    }

    private static String firstLine(String text) {
        return text.lines().findFirst().orElse("");
    }
}
