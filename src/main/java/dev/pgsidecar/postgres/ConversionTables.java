package dev.pgsidecar.postgres;

import dev.pgsidecar.postgres.ConversionWork.NotNow;
import dev.pgsidecar.postgres.ConversionWork.Why;
import dev.pgsidecar.postgres.catalog.Conversion;
import dev.pgsidecar.postgres.catalog.Conversion.Phase;
import dev.pgsidecar.postgres.catalog.Conversion.Spec;
import dev.pgsidecar.postgres.catalog.ConversionSql;
import dev.pgsidecar.postgres.catalog.MirrorSql;
import dev.pgsidecar.postgres.catalog.PartitionSet;
import dev.pgsidecar.postgres.catalog.PlainTable;
import dev.pgsidecar.postgres.catalog.PlainTableSql;
import dev.pgsidecar.postgres.catalog.WorkSql;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What is done to whole tables in a conversion: the new one is made, they change places, one is dropped. Each method is one
 * transaction, which gives up when it does not have a lock soon: nobody waits behind it for longer.
 */
public final class ConversionTables {

    private static final String PATIENCE = "SET LOCAL lock_timeout = '100ms'";

    private static final Set<Phase> BEFORE_THE_SWAP =
            Set.of(Phase.CREATED, Phase.ATTACHED, Phase.COPIED, Phase.VERIFIED, Phase.CANCELLING);

    private static final Set<Phase> WHILE_COPYING = Set.of(Phase.CREATED, Phase.ATTACHED, Phase.COPIED, Phase.VERIFIED);

    private final PartmanSession partman;
    private final Session session;
    private final ConversionWork work;

    public ConversionTables(PartmanSession partman) {
        this.partman = partman;
        this.session = partman.session();
        this.work = new ConversionWork(partman);
    }

    // --- Looking -----------------------------------------------------------------------------------------------------

    /** Whether caretaker.sql has made what is needed. */
    public boolean installed() throws PostgresException, InterruptedException {
        return session.json(Conversion.INSTALLED).getBoolean("installed");
    }

    /** All conversions that are not over; none where caretaker.sql was not run for them. */
    public List<Conversion> all() throws PostgresException, InterruptedException {
        return installed() ? Conversion.of(session.json(Conversion.ALL)) : List.of();
    }

    /** The table of this name, with its fingerprint from before it was looked at. */
    public Optional<Looked> look(String schema, String name) throws PostgresException, InterruptedException {
        String fingerprint = session.json(
                        "SELECT json_build_object('is', %s) FROM (SELECT to_regclass(format('%%I.%%I', $1::text, $2::text))::oid AS oid) AS r"
                                .formatted(PlainTableSql.FINGERPRINT),
                        schema,
                        name)
                .getString("is");
        return PlainTable.of(session.json(PlainTableSql.SQL, schema, name))
                .map(table -> new Looked(table, fingerprint));
    }

    /** A table, and what its fingerprint was at that time. */
    public record Looked(PlainTable table, String fingerprint) {}

    /** Whether this is an interval of time that pg_partman takes; empty if it is none at all. */
    public Optional<String> interval(String text) throws PostgresException, InterruptedException {
        try {
            JsonObject answer = session.json(ConversionSql.INTERVAL, text);
            return answer.getBoolean("sound") ? Optional.of(answer.getString("canonical")) : Optional.empty();
        } catch (PostgresException e) {
            if (e.sqlState().filter(state -> state.startsWith("22")).isPresent()) {
                return Optional.empty();
            }
            throw e;
        }
    }

    /**
     * The values of the control column.
     *
     * @param partitions that they need; 5,001 for more, and where a value is infinite
     * @param ahead those that begin in the future
     */
    public record Range(Optional<String> low, Optional<String> high, Long to, long partitions, long ahead) {}

    /** Reads all rows where the column has no index. */
    public Range range(PlainTable table, String control, boolean byTime, String interval)
            throws PostgresException, InterruptedException {
        session.run("BEGIN READ ONLY; SET LOCAL ROLE " + table.owner());
        JsonObject range = session.json(ConversionSql.range(table, control, byTime, interval));
        session.run("COMMIT");
        return new Range(
                Optional.ofNullable(range.getString("low")),
                Optional.ofNullable(range.getString("high")),
                range.getLong("to"),
                range.getLong("partitions"),
                range.getLong("ahead"));
    }

    /** Statements of clients that seem to use ON CONFLICT on it, as far as pg_stat_statements tells. */
    public List<String> conflictingStatements(PlainTable table) throws PostgresException, InterruptedException {
        String schema = session.json(PlainTableSql.STATEMENTS_SCHEMA).getString("schema");
        if (schema == null) {
            return List.of("pg_stat_statements is not there: the clients' statements were not looked at");
        }
        try {
            return texts(session.json(PlainTableSql.statements(schema), table.name()), "statements");
        } catch (PostgresException e) {
            if (e.sqlState().isEmpty()) {
                throw e;
            }
            return List.of("pg_stat_statements cannot be read: "
                    + e.failure().cause().lines().findFirst().orElse(""));
        }
    }

    private static List<String> texts(JsonObject answer, String name) {
        return answer.getJsonArray(name).stream().map(Object::toString).toList();
    }

    /** Who keeps a table locked. */
    public List<String> holders(String table) throws PostgresException, InterruptedException {
        return texts(session.json(ConversionSql.HOLDERS, table), "holders");
    }

    // --- Beginning ---------------------------------------------------------------------------------------------------

    /**
     * Makes the new table with its partitions, empty. The old one is only read.
     *
     * @param operation that orders it; the same one gets what it has made already
     * @param range of the rows that there are
     * @return the conversion's number
     */
    public long create(String operation, String by, Spec spec, Looked looked, Range range)
            throws PostgresException, NotNow, InterruptedException {
        List<Conversion> begun = Conversion.of(session.json(Conversion.BEGUN, operation));
        if (!begun.isEmpty()) {
            return begun.getFirst().id();
        }
        try {
            session.run("BEGIN ISOLATION LEVEL READ COMMITTED; " + PATIENCE);
            session.run(ConversionSql.rights(spec.owner()));
            long id = session.json(
                            Conversion.INSERT,
                            operation,
                            by,
                            spec.json().encode(),
                            looked.table().rows())
                    .getLong("id");
            Conversion conversion = work.find(id).orElseThrow();
            MirrorSql forward = MirrorSql.forward(conversion);
            MirrorSql backward = MirrorSql.backward(conversion);
            work.asOwner(conversion);
            run(ConversionSql.create(looked.table(), spec));
            run(List.of(forward.makeTouched(), forward.makeFunction(), backward.makeFunction()));
            run(backward.makeTriggers(spec.incoming(), false));
            work.asCaretaker();
            session.json(
                    ConversionSql.createParent(
                            partman.schema(), partman.partman().version().orElse("")),
                    spec.incoming(),
                    spec.control().name(),
                    spec.interval(),
                    spec.premake(),
                    range.low().orElse(null),
                    spec.template());
            cover(spec, range);
            give(conversion);
            work.asCaretaker();
            session.rows(Conversion.MARK_AS, id, looked.fingerprint());
            session.run("COMMIT");
            return id;
        } catch (PostgresException e) {
            if (e.sqlState().isPresent()) {
                session.run("ROLLBACK");
            }
            throw e;
        }
    }

    private void run(List<String> statements) throws PostgresException, InterruptedException {
        for (String statement : statements) {
            session.run(statement);
        }
    }

    /** create_parent goes as far as the present, and for numbers hardly beyond the first. */
    private void cover(Spec spec, Range range) throws PostgresException, InterruptedException {
        session.run("SET LOCAL search_path = pg_catalog");
        if (range.to() == null) {
            return;
        }
        PartitionSet set = partman.set(spec.incoming()).orElseThrow();
        long newest = set.newest().orElseThrow().to().orElseThrow();
        long wanted = set.byTime() ? range.to() + 1 : range.to() + 1 + Long.parseLong(spec.interval()) * spec.premake();
        if (newest < wanted) {
            session.json(new WorkSql(set, partman.schema()).fill(), set.name(), newest, wanted);
        }
    }

    /** Partitions belong to the owner; nothing vacuums them while locks are wanted. */
    private void give(Conversion conversion) throws PostgresException, InterruptedException {
        session.run("SET LOCAL search_path = pg_catalog");
        PartitionSet set = partman.set(conversion.spec().incoming()).orElseThrow();
        new PartmanWork(partman).giveToOwner(new WorkSql(set, partman.schema()), set);
        work.asOwner(conversion);
        run(alterations(ConversionSql.unvacuumed(conversion.spec())).stream()
                .map(Alteration::statement)
                .toList());
        work.asCaretaker();
    }

    /** Partitions that were made since the beginning are as the first ones. */
    public void giveNew(long id) throws PostgresException, NotNow, InterruptedException {
        work.inTurn(id, PATIENCE, WHILE_COPYING, conversion -> {
            give(conversion);
            return null;
        });
    }

    /** Whether partitions have gone to their place, where pg_partman does not look for them before the swap. */
    public boolean placed(long id) throws PostgresException, InterruptedException {
        Optional<Conversion> now = work.find(id);
        return now.isPresent()
                && session.json(ConversionSql.placed(now.get().spec())).getBoolean("placed");
    }

    /** Statements by which partitions go to their place: so many at once would keep writers waiting in the swap. */
    public List<Alteration> places(long id) throws PostgresException, NotNow, InterruptedException {
        return alterations(ConversionSql.leaves(spec(id)));
    }

    /** Statements that give the new table, which is empty, the foreign keys that it has not yet. */
    public List<Alteration> references(long id) throws PostgresException, NotNow, InterruptedException {
        return alterations(ConversionSql.references(spec(id)));
    }

    /** Statements that let partitions be vacuumed again. */
    public List<Alteration> vacuumable(long id) throws PostgresException, NotNow, InterruptedException {
        return alterations(ConversionSql.vacuumable(spec(id)));
    }

    /**
     * A statement that is carried out for itself.
     *
     * @param table that it locks, and may have to wait for
     */
    public record Alteration(String statement, String table) {}

    private List<Alteration> alterations(String sql) throws PostgresException, InterruptedException {
        return session.json(sql).getJsonArray("statements").stream()
                .map(JsonObject.class::cast)
                .map(each -> new Alteration(each.getString("statement"), each.getString("table")))
                .toList();
    }

    private Spec spec(long id) throws PostgresException, NotNow, InterruptedException {
        return work.find(id)
                .orElseThrow(() -> ConversionWork.notNow(Why.ELSEWHERE, "it is over"))
                .spec();
    }

    private List<String> statements(String sql, Object... values) throws PostgresException, InterruptedException {
        return texts(session.json(sql, values), "statements");
    }

    /** Carries out one of these, as the table's owner. */
    public void alter(long id, Phase in, Alteration alteration) throws PostgresException, NotNow, InterruptedException {
        work.inTurn(id, PATIENCE, Set.of(in), conversion -> {
            work.asOwner(conversion);
            session.run(alteration.statement());
            work.asCaretaker();
            return null;
        });
    }

    /** From when this is committed whatever is written to the old table is written to the new one, too. */
    public void attach(long id) throws PostgresException, NotNow, InterruptedException {
        work.inTurn(id, PATIENCE, Set.of(Phase.CREATED), conversion -> {
            String table = conversion.spec().table();
            work.asOwner(conversion);
            session.run("LOCK TABLE ONLY %s IN SHARE ROW EXCLUSIVE MODE".formatted(table));
            work.asCaretaker();
            work.turn(id, Set.of(Phase.CREATED));
            work.asOwner(conversion);
            run(MirrorSql.forward(conversion).makeTriggers(table, true));
            work.asCaretaker();
            session.rows(Conversion.MARK, id);
            work.progress(conversion, Optional.of(Phase.ATTACHED), 0, Optional.empty(), false);
            return null;
        });
    }

    /** What the planner will want to know of the new table. */
    public void analyze(long id) throws PostgresException, NotNow, InterruptedException {
        work.inTurn(id, PATIENCE, Set.of(Phase.VERIFIED), conversion -> {
            work.asOwner(conversion);
            session.run("ANALYZE " + conversion.spec().incoming());
            work.asCaretaker();
            return null;
        });
    }

    // --- Changing places ---------------------------------------------------------------------------------------------

    /**
     * Clients use the new table from when this is committed.
     *
     * @throws NotNow also where rows are noted: they are made equal first, so that nobody waits for that
     */
    public void swap(long id) throws PostgresException, NotNow, InterruptedException {
        work.inTurn(id, PATIENCE, Set.of(Phase.VERIFIED), conversion -> {
            Spec spec = conversion.spec();
            lock(conversion, "ONLY " + spec.table(), spec.incoming());
            work.turn(id, Set.of(Phase.VERIFIED));
            MirrorSql mirror = MirrorSql.forward(conversion);
            requireNoNotes(conversion, mirror);
            List<String> before = new ArrayList<>(MirrorSql.dropTriggers(spec.table()));
            ConversionSql.triggersOff(spec, spec.table()).forEach(before::add);
            List<String> after = new ArrayList<>();
            ConversionSql.triggersBack(spec, spec.table()).forEach(after::add);
            after.add(MirrorSql.firing(spec.table(), true));
            exchange(conversion, spec.incoming(), Conversion.OLD, before, after);
            rename(spec.incoming(), spec.table(), "on");
            work.progress(conversion, Optional.of(Phase.SWAPPED), 0, Optional.empty(), false);
            session.rows(Conversion.MARK, id);
            return null;
        });
    }

    private void lock(Conversion conversion, String first, String second)
            throws PostgresException, InterruptedException {
        work.asOwner(conversion);
        session.run("LOCK TABLE %s IN ACCESS EXCLUSIVE MODE; LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE"
                .formatted(first, second));
        work.asCaretaker();
    }

    private void requireNoNotes(Conversion conversion, MirrorSql mirror)
            throws PostgresException, NotNow, InterruptedException {
        work.asOwner(conversion);
        boolean any = session.json(mirror.anyNotes()).getBoolean("any");
        work.asCaretaker();
        if (any) {
            throw ConversionWork.notNow(Why.NOTES, "rows were noted meanwhile");
        }
    }

    /** The clients' table goes out to another schema, and the other one takes its place. */
    private void exchange(Conversion conversion, String in, String out, List<String> before, List<String> after)
            throws PostgresException, InterruptedException {
        Spec spec = conversion.spec();
        String table = spec.table();
        JsonObject oid = session.json("SELECT json_build_object('oid', $1::text::regclass::bigint)", table);
        JsonArray views =
                session.json(PlainTableSql.VIEW_DDL, oid.getLong("oid")).getJsonArray("views");
        List<String> all = new ArrayList<>(before);
        work.asOwner(conversion);
        all.addAll(statements(PlainTableSql.RIGHTS, oid.getLong("oid"), in));
        all.addAll(identities(spec, in));
        List<String> statistics = statements(ConversionSql.STATISTICS, table, in, out, spec.schema());
        all.add("ALTER TABLE %s SET SCHEMA %s".formatted(table, out));
        all.add("ALTER TABLE %s SET SCHEMA %s".formatted(in, spec.schema()));
        all.addAll(statistics);
        ConversionSql.own(spec, table).forEach(all::add);
        all.addAll(after);
        session.run(String.join(";\n", all));
        for (Object view : views) {
            session.run("SET LOCAL ROLE " + ((JsonObject) view).getString("owner"));
            session.run(((JsonObject) view).getString("ddl"));
        }
        work.asCaretaker();
    }

    /** The sequences of the table that comes in go on where those of the other one are; shared ones are let go. */
    private List<String> identities(Spec spec, String in) throws PostgresException, InterruptedException {
        List<String> statements = new ArrayList<>();
        for (PlainTable.Sequence sequence : spec.sequences()) {
            statements.add(
                    sequence.identity()
                            ? session.json(ConversionSql.SETVAL, spec.table(), in, ConversionSql.raw(sequence.column()))
                                    .getString("statement")
                            : "ALTER SEQUENCE %s OWNED BY NONE".formatted(sequence.name()));
        }
        return statements;
    }

    private void rename(String before, String after, String maintenance)
            throws PostgresException, InterruptedException {
        session.rows(ConversionSql.rename(partman.schema()), before, after, maintenance);
    }

    /** All that belongs to the conversion itself is through. */
    public void converted(long id) throws PostgresException, NotNow, InterruptedException {
        work.inTurn(id, PATIENCE, Set.of(Phase.SWAPPED), conversion -> {
            work.progress(conversion, Optional.of(Phase.CONVERTED), 0, Optional.empty(), false);
            return null;
        });
    }

    /** Clients use the old table again, with what they have written since. */
    public void swapBack(long id) throws PostgresException, NotNow, InterruptedException {
        work.inTurn(id, PATIENCE, Set.of(Phase.REVERTING), conversion -> {
            Spec spec = conversion.spec();
            lock(conversion, spec.table(), spec.outgoing());
            work.turn(id, Set.of(Phase.REVERTING));
            requireNoNotes(conversion, MirrorSql.backward(conversion));
            List<String> after = new ArrayList<>();
            ConversionSql.triggersBack(spec, spec.table()).forEach(after::add);
            exchange(conversion, spec.outgoing(), Conversion.NEW, List.of(), after);
            rename(spec.table(), spec.incoming(), "off");
            work.progress(conversion, Optional.of(Phase.REVERTED), 0, Optional.empty(), false);
            return null;
        });
    }

    // --- Ending ------------------------------------------------------------------------------------------------------

    /** Nothing can be taken back any more: the old table goes, and retention begins. */
    public void finish(long id) throws PostgresException, NotNow, InterruptedException {
        work.inTurn(id, PATIENCE, Set.of(Phase.CONVERTED), conversion -> {
            Spec spec = conversion.spec();
            work.asOwner(conversion);
            run(MirrorSql.dropTriggers(spec.table()));
            session.run("DROP TABLE " + spec.outgoing());
            dropHelpers(conversion);
            work.asCaretaker();
            if (spec.retention().isPresent()) {
                PartitionSet set = partman.set(spec.table()).orElseThrow();
                session.json(
                        new WorkSql(set, partman.schema()).setRetention(),
                        set.name(),
                        spec.retention().get());
            }
            forget(conversion);
            return null;
        });
    }

    private void dropHelpers(Conversion conversion) throws PostgresException, InterruptedException {
        MirrorSql forward = MirrorSql.forward(conversion);
        run(List.of(
                forward.dropTouched(),
                forward.dropFunction(),
                MirrorSql.backward(conversion).dropFunction()));
    }

    private void forget(Conversion conversion) throws PostgresException, InterruptedException {
        session.rows(Conversion.DELETE, conversion.id());
        run(statements(ConversionSql.RIGHTS_BACK, conversion.spec().owner()));
    }

    /** From now on it is only undone, by whoever looks at it. */
    public void cancel(long id) throws PostgresException, NotNow, InterruptedException {
        work.inTurn(id, PATIENCE, BEFORE_THE_SWAP, conversion -> {
            work.progress(conversion, Optional.of(Phase.CANCELLING), 0, Optional.empty(), false);
            return null;
        });
    }

    /** What clients write is written to the old table alone. It may have another name by now, or be gone. */
    public void detach(long id) throws PostgresException, NotNow, InterruptedException {
        work.inTurn(id, PATIENCE, Set.of(Phase.CANCELLING), conversion -> {
            String name = session.json(ConversionSql.NAME_OF, conversion.spec().oldOid())
                    .getString("name");
            if (name != null) {
                work.asOwner(conversion);
                run(MirrorSql.dropTriggers(name));
                work.asCaretaker();
            }
            return null;
        });
    }

    /** Drops the new table and all that was made for it. */
    public void drop(long id) throws PostgresException, NotNow, InterruptedException {
        work.inTurn(id, PATIENCE, Set.of(Phase.CANCELLING, Phase.REVERTED), conversion -> {
            Spec spec = conversion.spec();
            work.asOwner(conversion);
            run(List.of("DROP TABLE IF EXISTS " + spec.incoming(), "DROP TABLE IF EXISTS " + spec.template()));
            dropHelpers(conversion);
            work.asCaretaker();
            session.rows(ConversionSql.forget(partman.schema()), spec.incoming());
            forget(conversion);
            return null;
        });
    }
}
