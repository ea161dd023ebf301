package dev.pgsidecar.postgres;

import dev.pgsidecar.postgres.catalog.Conversion;
import dev.pgsidecar.postgres.catalog.Conversion.Phase;
import dev.pgsidecar.postgres.catalog.Conversion.Turn;
import dev.pgsidecar.postgres.catalog.MirrorSql;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What is done to rows in a conversion: copied, compared, and made equal again. Each method is one short transaction, which is
 * there as a whole, with its progress, or not at all; it is nobody's turn but one agent's, and nothing is done to a table that
 * was altered.
 */
public final class ConversionWork {

    /** At most 50 ms, and less than whoever waits for the agent waits before looking for a deadlock: it is the agent that yields. */
    private static final String PATIENCE = """
            SELECT set_config('lock_timeout', greatest(1, least(50,
              extract(epoch FROM current_setting('deadlock_timeout')::interval) * 500))::int::text, true)""";

    /** Copied rows that a crash takes are copied again: their progress goes with them. */
    private static final String COPYING =
            PATIENCE + "; SET LOCAL synchronous_commit = off; SET LOCAL enable_seqscan = off";

    private final PartmanSession partman;
    private final Session session;

    public ConversionWork(PartmanSession partman) {
        this.partman = partman;
        this.session = partman.session();
    }

    /** It cannot be done now, or not at all; nothing was. */
    public static final class NotNow extends Exception {
        private static final long serialVersionUID = 1;
        private final Why why;

        NotNow(Why why, String message) {
            super(message);
            this.why = why;
        }

        public Why why() {
            return why;
        }
    }

    /** Why not. */
    public enum Why {
        /** Another agent works on it, or something else passes. */
        BUSY,
        /** Somebody holds it back. */
        PAUSED,
        /** The server became a replica. */
        REPLICA,
        /** It is over, or in another phase. */
        ELSEWHERE,
        /** Somebody has cancelled it. */
        CANCELLED,
        /** The table was altered. */
        ALTERED,
        /** Rows are noted that are to be made equal first. */
        NOTES
    }

    /** One with this reason. */
    public static NotNow notNow(Why why, String message) {
        return new NotNow(why, message);
    }

    /** What one transaction does. */
    interface Work<T> {
        T in(Conversion conversion) throws PostgresException, NotNow, InterruptedException;
    }

    /** In a transaction of the agent's own: its turn is taken, and the table is as it was. */
    <T> T inTurn(long id, String settings, Set<Phase> phases, Work<T> work)
            throws PostgresException, NotNow, InterruptedException {
        try {
            begin(id, settings);
            T result = work.in(turn(id, phases));
            session.run("COMMIT");
            return result;
        } catch (PostgresException e) {
            if (e.sqlState().isPresent()) {
                session.run("ROLLBACK");
                lookAgain(id, phases);
            }
            throw e;
        } catch (NotNow e) {
            session.run("ROLLBACK");
            throw e;
        }
    }

    /** Takes the turn with a statement of its own: the next one sees what whoever had it before has done. */
    private void begin(long id, String settings) {
        session.send("BEGIN ISOLATION LEVEL READ COMMITTED; %s; %s".formatted(settings, Turn.take(id)));
    }

    /** Was the table altered right after it was looked at? Then that is why something has failed. */
    private void lookAgain(long id, Set<Phase> phases) throws PostgresException, NotNow, InterruptedException {
        begin(id, PATIENCE);
        try {
            turn(id, phases);
        } finally {
            session.run("ROLLBACK");
        }
    }

    /** How things stand, or why nothing may be done; asked again under a lock, it says whether somebody was faster. */
    Conversion turn(long id, Set<Phase> phases) throws PostgresException, NotNow, InterruptedException {
        Turn turn = Turn.of(session.json(Turn.SQL, id));
        if (!turn.mine()) {
            throw new NotNow(Why.BUSY, "another session works on it");
        }
        if (turn.inRecovery()) {
            throw new NotNow(Why.REPLICA, "the server is a replica");
        }
        Conversion now = turn.conversion().orElseThrow(() -> new NotNow(Why.ELSEWHERE, "it is over"));
        if (now.phase() == Phase.CANCELLING && !phases.contains(Phase.CANCELLING)) {
            throw new NotNow(Why.CANCELLED, "somebody has cancelled it");
        }
        if (!phases.contains(now.phase())) {
            throw new NotNow(Why.ELSEWHERE, "it is " + now.phase().id());
        }
        if (turn.altered() && !phases.contains(Phase.CANCELLING)) { // what is undone need not be as it was
            throw new NotNow(
                    Why.ALTERED, "%s was altered since".formatted(now.spec().table()));
        }
        if (now.paused() && phases.stream().noneMatch(ALSO_WHEN_PAUSED::contains)) {
            throw new NotNow(Why.PAUSED, "it is paused");
        }
        return now;
    }

    private static final Set<Phase> ALSO_WHEN_PAUSED =
            Set.of(Phase.CANCELLING, Phase.CONVERTED, Phase.SWAPPED, Phase.REVERTING, Phase.REVERTED);

    void asOwner(Conversion conversion) {
        session.send("SET LOCAL ROLE " + conversion.spec().owner());
    }

    void asCaretaker() {
        session.send("SET LOCAL ROLE " + partman.partman().role().orElse("none"));
    }

    /** Tells the number of the transaction that this is done in. */
    long progress(Conversion conversion, Optional<Phase> phase, long rows, Optional<JsonArray> last, boolean copied)
            throws PostgresException, InterruptedException {
        return session.json(
                        Conversion.UPDATE,
                        conversion.id(),
                        phase.map(Phase::id).orElse(null),
                        rows,
                        last.map(JsonArray::encode).orElse(null),
                        copied)
                .getLong("transaction");
    }

    /** The conversion as it is; absent if it is over. */
    public Optional<Conversion> find(long id) throws PostgresException, InterruptedException {
        return Conversion.of(session.json(Conversion.ONE, id)).stream().findFirst();
    }

    /** Begins another way through the keys. */
    public void rewind(long id, Set<Phase> from, Phase to) throws PostgresException, NotNow, InterruptedException {
        inTurn(id, COPYING, from, _ -> session.rows(Conversion.REWIND, id, to.id()));
    }

    /**
     * What one batch did.
     *
     * @param rows that were copied, or were there already
     * @param skipped that somebody held, and that were noted
     * @param over whether there is no other: what was added since is in both tables, or noted
     * @param effort what it took
     */
    public record Batch(long rows, long skipped, boolean over, Effort effort) {}

    /**
     * What something took.
     *
     * @param took how long it worked, about; so long rows were locked
     * @param transaction its number: where the next one's is higher by more than one, others have written meanwhile
     */
    public record Effort(Duration took, long transaction) {}

    /**
     * Copies the next rows, at most so many.
     *
     * @throws NotNow for {@link Why#NOTES} where the new table still has a row with a key of one of these, which is not theirs any
     *     more: that was noted
     */
    public Batch copy(long id, long most) throws PostgresException, NotNow, InterruptedException {
        try {
            return copyInTurn(id, most);
        } catch (PostgresException e) {
            if (e.sqlState().equals(Optional.of("23505"))) {
                throw new NotNow(
                        Why.NOTES, e.failure().cause().lines().findFirst().orElse(""));
            }
            throw e;
        }
    }

    private Batch copyInTurn(long id, long most) throws PostgresException, NotNow, InterruptedException {
        return inTurn(id, COPYING, Set.of(Phase.ATTACHED), conversion -> {
            MirrorSql sql = MirrorSql.forward(conversion);
            boolean beginning = conversion.last().isEmpty();
            session.send(sql.withoutLookingUp());
            asOwner(conversion);
            long began = System.nanoTime();
            JsonObject locked = session.json(sql.lock(beginning), parameters(conversion, most));
            Optional<JsonArray> last = Optional.ofNullable(locked.getJsonArray("last"));
            long rows = locked.getLong("locked");
            long put = 0;
            long skipped = 0;
            if (last.isPresent()) {
                Object[] range = parameters(conversion, last.get().stream().toArray());
                put = session.rows(sql.copyLocked(beginning), range);
                skipped = rows == locked.getLong("rows") ? 0 : session.rows(sql.noteOthers(beginning), range);
            }
            Duration took = Duration.ofNanos(System.nanoTime() - began);
            asCaretaker();
            long transaction = progress(conversion, Optional.empty(), rows, last, put > 0);
            return new Batch(rows, skipped, locked.getLong("rows") < most, new Effort(took, transaction));
        });
    }

    private static Object[] parameters(Conversion conversion, Object... more) {
        List<Object> all = new ArrayList<>(conversion.last().orElse(List.of()));
        all.addAll(Arrays.asList(more));
        return all.toArray();
    }

    private static MirrorSql mirror(Conversion conversion) {
        return conversion.phase().swapped() ? MirrorSql.backward(conversion) : MirrorSql.forward(conversion);
    }

    /**
     * Makes noted rows equal, at most so many, but for those that somebody holds.
     *
     * @param last the number of the last note that is dealt with
     * @return how many notes were dealt with, and whether there are more
     */
    public Drained drain(long id, Set<Phase> phases, int most, long last)
            throws PostgresException, NotNow, InterruptedException {
        return inTurn(id, COPYING, phases, conversion -> {
            MirrorSql sql = mirror(conversion);
            session.send(sql.withoutLookingUp());
            asOwner(conversion);
            JsonArray notes = session.json(sql.notes(), (long) most, last).getJsonArray("notes");
            if (notes.isEmpty()) {
                return new Drained(0, false);
            }
            JsonObject found = session.json(sql.lockNoted(), notes.encode());
            JsonArray locked = found.getJsonArray("locked");
            JsonArray absent = found.getJsonArray("absent");
            session.rows(sql.takeNoted(), locked.encode());
            session.json(sql.lockAbsent(), absent.encode());
            session.rows(sql.takeAbsent(), absent.encode());
            session.rows(sql.putNoted(), locked.encode()); // when whatever may have one of their keys is gone
            session.rows(sql.forgetNotes(), locked.encode());
            session.rows(sql.forgetNotes(), absent.encode());
            long again = session.rows(sql.noteAgain(), locked.encode());
            boolean more = session.json(sql.anyNotesUpTo(), last).getBoolean("any");
            asCaretaker();
            progress(conversion, Optional.empty(), 0, Optional.empty(), true);
            return new Drained(locked.size() + absent.size() - again, more);
        });
    }

    /** The number of the last note that there is; 0 for none. */
    public long lastNote(long id, Set<Phase> phases) throws PostgresException, NotNow, InterruptedException {
        return inTurn(id, COPYING, phases, conversion -> {
            asOwner(conversion);
            long last = session.json(mirror(conversion).anyNotes()).getLong("last");
            asCaretaker();
            return last;
        });
    }

    /** What was made equal, and whether there is more. */
    public record Drained(long notes, boolean more) {}

    /**
     * What a comparison saw.
     *
     * @param over whether it was the last range
     * @param effort what it took
     */
    public record Compared(boolean equal, boolean over, Effort effort) {}

    /** So that both tables, and the end of the range, are seen as of one moment. */
    private static final String ONE_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; " + COPYING;

    /**
     * Rows that are next.
     *
     * @param last the key of the last one; absent for the last range, which is open: nothing may be behind it in either table
     */
    private record Range(long rows, boolean fromTheBeginning, Optional<JsonArray> last, Object[] keys) {

        boolean toTheEnd() {
            return last.isEmpty();
        }
    }

    private Range next(Conversion conversion, MirrorSql sql, long most) throws PostgresException, InterruptedException {
        boolean beginning = conversion.last().isEmpty();
        JsonObject next = session.json(sql.next(beginning), parameters(conversion, most));
        long rows = next.getLong("rows");
        Optional<JsonArray> last =
                Optional.ofNullable(next.getJsonArray("last")).filter(_ -> rows == most);
        return new Range(
                rows,
                beginning,
                last,
                parameters(conversion, last.orElse(new JsonArray()).stream().toArray()));
    }

    /** Compares the next rows of both tables in one snapshot. Where they differ, nothing is noted yet. */
    public Compared compare(long id, Set<Phase> phases, Phase then, long most)
            throws PostgresException, NotNow, InterruptedException {
        return inTurn(id, ONE_SNAPSHOT, phases, conversion -> {
            MirrorSql sql = mirror(conversion);
            asOwner(conversion);
            long began = System.nanoTime();
            Range range = next(conversion, sql, most);
            boolean equal = session.json(sql.compare(range.fromTheBeginning(), range.toTheEnd()), range.keys())
                    .getBoolean("equal");
            Duration took = Duration.ofNanos(System.nanoTime() - began);
            asCaretaker();
            boolean over = equal && range.toTheEnd();
            long transaction = progress(
                    conversion,
                    over ? Optional.of(then) : Optional.empty(),
                    equal ? range.rows() : 0,
                    equal ? range.last() : Optional.empty(),
                    false);
            return new Compared(equal, over, new Effort(took, transaction));
        });
    }

    /** Notes what differs in the range that was compared last; returns how many rows. */
    public long noteDifferences(long id, Set<Phase> phases, long most)
            throws PostgresException, NotNow, InterruptedException {
        return inTurn(id, ONE_SNAPSHOT, phases, conversion -> {
            MirrorSql sql = mirror(conversion);
            asOwner(conversion);
            Range range = next(conversion, sql, most);
            long rows = session.rows(sql.noteDifferences(range.fromTheBeginning(), range.toTheEnd()), range.keys());
            asCaretaker();
            return rows;
        });
    }

    /** Holds it back, or lets it go on. */
    public void pause(long id, boolean paused) throws PostgresException, InterruptedException {
        session.rows(Conversion.PAUSE, id, paused);
    }

    /** Transactions that would see neither table as a whole. */
    public List<String> oldSnapshots(long id) throws PostgresException, InterruptedException {
        return session.json(Conversion.OLD_SNAPSHOTS, id).getJsonArray("holders").stream()
                .map(Object::toString)
                .toList();
    }
}
