package dev.pgsidecar.postgres.catalog;

import dev.pgsidecar.postgres.catalog.Conversion.Ident;
import dev.pgsidecar.postgres.catalog.Conversion.Spec;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The statements that keep one table equal to another that clients write: in the conversion the new one to the old one,
 * and after the swap the other way round. Rows are found by the key and the control column, in both tables.
 *
 * @param source the table that clients write, as SQL
 * @param target the one that follows it
 */
public record MirrorSql(Spec spec, long id, String source, String target, boolean forward) {

    /** Of a conversion before its swap. */
    public static MirrorSql forward(Conversion conversion) {
        Spec spec = conversion.spec();
        return new MirrorSql(spec, conversion.id(), spec.table(), spec.incoming(), true);
    }

    /** After it. */
    public static MirrorSql backward(Conversion conversion) {
        Spec spec = conversion.spec();
        return new MirrorSql(spec, conversion.id(), spec.table(), spec.outgoing(), false);
    }

    /** The triggers' name. */
    public static final String TRIGGER = "pgsidecar_mirror";

    private static final String ON_TRUNCATE = TRIGGER + "_truncate";

    /** Keys whose rows are to be made equal again. */
    public String touched() {
        return "%s.pgsidecar_touched_%d".formatted(Conversion.NEW, id);
    }

    private String function() {
        return "%s.pgsidecar_%s_%d".formatted(Conversion.NEW, forward ? "mirror" : "mirror_back", id);
    }

    private static String list(List<Ident> columns, Function<Ident, String> each, String between) {
        return columns.stream().map(each).collect(Collectors.joining(between));
    }

    private String equal(String one, String other) {
        return list(
                spec.ident(), column -> "%s.%s = %s.%s".formatted(one, column.name(), other, column.name()), " AND ");
    }

    private String idents(String prefix) {
        return list(spec.ident(), column -> prefix + column.name(), ", ");
    }

    private String columns(String prefix) {
        return spec.columns().stream().map(column -> prefix + column).collect(Collectors.joining(", "));
    }

    public String makeTouched() {
        return "CREATE TABLE %1$s (pgsidecar_n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, %2$s); CREATE INDEX ON %1$s (%3$s)"
                .formatted(
                        touched(),
                        list(spec.ident(), column -> column.name() + " " + column.type() + " NOT NULL", ", "),
                        idents(""));
    }

    public String dropTouched() {
        return "DROP TABLE IF EXISTS " + touched();
    }

    /**
     * The function of the triggers. Whatever event it hears, and in whatever order (a trigger of the user's may write the same
     * row again before this one is told), it makes the rows of the old and the new key equal to what the source has now. Keys that
     * are equal may look different, as 1.0 and 1.00.
     *
     * <p>A transaction of a stricter isolation level does not see what was copied since it began: it leaves a note of the keys,
     * and the agent does it. Once such a transaction sees all as copied, and no note of this row that the agent may be about to
     * heed, it does as everybody does: whoever changed the row since it began has already made its own write of it fail.
     */
    public String makeFunction() {
        return """
                CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
                SET search_path = pg_catalog, pg_temp SET row_security = off AS $pgsidecar$
                BEGIN
                  IF TG_OP = 'TRUNCATE' THEN
                    TRUNCATE %s;
                    RETURN NULL;
                  END IF;
                %s  IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND ROW (%s)::text IS DISTINCT FROM ROW (%s)::text THEN
                    %s;
                  END IF;
                  IF TG_OP <> 'DELETE' THEN
                    %s;
                  END IF;
                  RETURN NULL;
                END
                $pgsidecar$""".formatted(
                        function(),
                        target,
                        forward ? note() : "",
                        idents("OLD."),
                        idents("NEW."),
                        replace("OLD"),
                        spec.overwritable() ? overwrite("NEW") : replace("NEW"));
    }

    private String put(String row) {
        return "INSERT INTO %s AS t (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s AS s WHERE %s"
                .formatted(target, columns(""), columns("s."), from(source), equal("s", row));
    }

    private String take(String row) {
        return "DELETE FROM %s AS t WHERE %s".formatted(target, equal("t", row));
    }

    private String replace(String row) {
        return take(row) + "; " + put(row);
    }

    /**
     * The same, without a DELETE, which is planned each time where there are partitions, and without another check of foreign keys
     * that did not change. Where another row has this key already the INSERT fails as it should.
     */
    private String overwrite(String row) {
        List<String> others = spec.columns().stream()
                .filter(column ->
                        spec.ident().stream().noneMatch(ident -> ident.name().equals(column)))
                .toList();
        if (others.isEmpty()) {
            return replace(row);
        }
        String key = forward ? idents("") : key("");
        String at = spec.control().name();
        return "%s ON CONFLICT (%s) DO UPDATE SET (%s) = ROW (%s) WHERE t.%s = EXCLUDED.%s; IF NOT FOUND THEN %s; END IF"
                .formatted(
                        put(row),
                        key,
                        String.join(", ", others),
                        "EXCLUDED." + String.join(", EXCLUDED.", others),
                        at,
                        at,
                        replace(row));
    }

    /** For a transaction that must not write the new table by itself. */
    private String note() {
        return """
                  IF current_setting('transaction_isolation') <> 'read committed'
                      AND (NOT EXISTS (SELECT FROM %1$s WHERE id = %2$d AND phase IN ('copied', 'verified'))
                        OR EXISTS (SELECT FROM %3$s AS n WHERE %4$s OR %5$s)) THEN
                    IF TG_OP <> 'INSERT' THEN INSERT INTO %3$s (%6$s) VALUES (%7$s); END IF;
                    IF TG_OP <> 'DELETE' THEN INSERT INTO %3$s (%6$s) VALUES (%8$s); END IF;
                    RETURN NULL;
                  END IF;
                """.formatted(
                        Conversion.TABLE,
                        id,
                        touched(),
                        equal("n", "OLD"),
                        equal("n", "NEW"),
                        idents(""),
                        idents("OLD."),
                        idents("NEW."));
    }

    /** The triggers on the source, firing whoever writes: a subscription's worker, too. */
    public List<String> makeTriggers(String on, boolean firing) {
        return List.of(
                "CREATE TRIGGER %s AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION %s()"
                        .formatted(TRIGGER, on, function()),
                "CREATE TRIGGER %s AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION %s()"
                        .formatted(ON_TRUNCATE, on, function()),
                firing(on, firing));
    }

    public static String firing(String on, boolean firing) {
        String word = firing ? "ENABLE ALWAYS" : "DISABLE";
        return "ALTER TABLE %1$s %2$s TRIGGER %3$s, %2$s TRIGGER %4$s".formatted(on, word, TRIGGER, ON_TRUNCATE);
    }

    public static List<String> dropTriggers(String on) {
        return List.of(
                "DROP TRIGGER IF EXISTS %s ON %s".formatted(TRIGGER, on),
                "DROP TRIGGER IF EXISTS %s ON %s".formatted(ON_TRUNCATE, on));
    }

    public String dropFunction() {
        return "DROP FUNCTION IF EXISTS %s()".formatted(function());
    }

    /**
     * What rows refer to is there, because it is for the rows that they are copied from: in this transaction it is not looked up
     * again, which would wait for whoever holds it. Where there is nothing to look up plans are not given up for that.
     */
    public String withoutLookingUp() {
        return """
                SELECT set_config('session_replication_role', 'replica', true)
                WHERE has_parameter_privilege('session_replication_role', 'SET')
                  AND EXISTS (SELECT FROM pg_constraint WHERE conrelid = '%s'::regclass AND contype = 'f')""".formatted(target);
    }

    // --- Copying -----------------------------------------------------------------------------------------------------

    private String key(String prefix) {
        return list(spec.key(), column -> prefix + column.name(), ", ");
    }

    /** The key that is a statement's first parameters, as texts. */
    private String parameters(int from) {
        List<Ident> key = spec.key();
        return IntStream.range(0, key.size())
                .mapToObj(at -> "$%d::text::%s".formatted(from + at, key.get(at).type()))
                .collect(Collectors.joining(", "));
    }

    private String texts(String prefix) {
        return list(spec.key(), column -> "%s%s::text".formatted(prefix, column.name()), ", ");
    }

    /** The next keys of the source, as many as the last parameter says, and {@code bound}, the last of them. */
    private String bound(boolean fromTheBeginning) {
        String after = fromTheBeginning ? "" : "WHERE (%s) > (%s)".formatted(key(""), parameters(1));
        int limit = fromTheBeginning ? 1 : 1 + spec.key().size();
        return """
                next AS MATERIALIZED (SELECT %1$s FROM %2$s %3$s ORDER BY %1$s LIMIT $%4$d::bigint),
                bound AS MATERIALIZED (SELECT %1$s FROM next ORDER BY %5$s LIMIT 1)""".formatted(
                        key(""), from(source), after, limit, list(spec.key(), column -> column.name() + " DESC", ", "));
    }

    private String from(String table) {
        return table.equals(spec.incoming()) || !forward && table.equals(source) ? table : "ONLY " + table;
    }

    private String within(boolean fromTheBeginning) {
        String upTo = "(%s) <= (%s)"
                .formatted(
                        key(""), list(spec.key(), column -> "(SELECT %s FROM bound)".formatted(column.name()), ", "));
        return fromTheBeginning ? upTo : "(%s) > (%s) AND %s".formatted(key(""), parameters(1), upTo);
    }

    /**
     * Locks the next rows in the order of the key, but for those that somebody holds, so that nobody changes them before this is
     * committed; the parameters are the last key, unless it begins, and how many. Tells how many there are, and how many it locked.
     */
    public String lock(boolean fromTheBeginning) {
        return """
                WITH %1$s,
                locked AS MATERIALIZED (SELECT FROM ONLY %2$s WHERE %3$s FOR UPDATE SKIP LOCKED)
                SELECT json_build_object('rows', (SELECT count(*) FROM next), 'locked', (SELECT count(*) FROM locked),
                  'last', (SELECT json_build_array(%4$s) FROM bound))""".formatted(bound(fromTheBeginning), source, within(fromTheBeginning), texts(""));
    }

    /**
     * Copies the rows that this transaction has locked; the parameters are the last key, unless it begins, and that of the last
     * row. What clients have written to the target meanwhile is there already: who locked it before has committed, so it is seen.
     */
    public String copyLocked(boolean fromTheBeginning) {
        return """
                WITH there AS MATERIALIZED (SELECT %1$s FROM %2$s WHERE %3$s)
                INSERT INTO %2$s (%4$s) OVERRIDING SYSTEM VALUE SELECT %4$s FROM ONLY %5$s AS s WHERE %3$s AND %6$s
                  AND NOT EXISTS (SELECT FROM there AS t WHERE %7$s)""".formatted(
                        idents(""),
                        target,
                        range(fromTheBeginning, false),
                        columns(""),
                        source,
                        LOCKED_HERE.formatted("="),
                        equal("t", "s"));
    }

    /** Notes the rows that it did not lock, to be looked at later; the parameters are as in {@link #copyLocked}. */
    public String noteOthers(boolean fromTheBeginning) {
        return "INSERT INTO %1$s (%2$s) SELECT %2$s FROM ONLY %3$s WHERE %4$s AND %5$s"
                .formatted(touched(), idents(""), source, range(fromTheBeginning, false), LOCKED_HERE.formatted("<>"));
    }

    /** FOR UPDATE leaves the transaction in the row; nobody can share such a lock, so it stands there alone. */
    private static final String LOCKED_HERE = "xmax %s pg_current_xact_id()::xid";

    /** Between two keys, which are the parameters; without one it is open there. */
    private String range(boolean fromTheBeginning, boolean toTheEnd) {
        String after = fromTheBeginning ? "true" : "(%s) > (%s)".formatted(key(""), parameters(1));
        int next = fromTheBeginning ? 1 : 1 + spec.key().size();
        return toTheEnd ? after : "%s AND (%s) <= (%s)".formatted(after, key(""), parameters(next));
    }

    /** How many rows are next, and the last of them; the parameters are as in {@link #lock}. */
    public String next(boolean fromTheBeginning) {
        return """
                WITH %s
                SELECT json_build_object('rows', (SELECT count(*) FROM next), 'last', (SELECT json_build_array(%s) FROM bound))""".formatted(bound(fromTheBeginning), texts(""));
    }

    /** Compares the rows between two keys, in both tables; the parameters are those that there are. */
    public String compare(boolean fromTheBeginning, boolean toTheEnd) {
        return """
                WITH one AS (SELECT count(*) AS rows, sum(hashtextextended(ROW(%1$s)::text, 0)) AS hash FROM %2$s WHERE %4$s),
                other AS (SELECT count(*) AS rows, sum(hashtextextended(ROW(%1$s)::text, 0)) AS hash FROM %3$s WHERE %4$s)
                SELECT json_build_object('equal', one.rows = other.rows AND one.hash IS NOT DISTINCT FROM other.hash)
                FROM one, other""".formatted(columns(""), from(source), from(target), range(fromTheBeginning, toTheEnd));
    }

    /** Notes the keys that differ there. */
    public String noteDifferences(boolean fromTheBeginning, boolean toTheEnd) {
        return """
                WITH one AS (SELECT %1$s, ROW(%2$s)::text AS pgsidecar_row FROM %3$s WHERE %5$s),
                other AS (SELECT %1$s, ROW(%2$s)::text AS pgsidecar_row FROM %4$s WHERE %5$s)
                INSERT INTO %6$s (%1$s) SELECT %1$s FROM one FULL JOIN other USING (%1$s)
                  WHERE one.pgsidecar_row IS DISTINCT FROM other.pgsidecar_row""".formatted(
                idents(""), columns(""), from(source), from(target), range(fromTheBeginning, toTheEnd), touched());
    }

    // --- What was touched --------------------------------------------------------------------------------------------

    /** The oldest notes: their numbers and keys, as JSON; $1 is how many, $2 the last of them. */
    public String notes() {
        return """
                SELECT json_build_object('notes', (SELECT coalesce(json_agg(json_build_array(pgsidecar_n, %s)), '[]')
                  FROM (SELECT * FROM %s WHERE pgsidecar_n <= $2::bigint ORDER BY pgsidecar_n LIMIT $1::bigint) AS n))""".formatted(list(spec.ident(), column -> column.name() + "::text", ", "), touched());
    }

    /** The notes that are $1, as rows of their columns. */
    private String noted() {
        List<Ident> ident = spec.ident();
        return "(SELECT DISTINCT %s FROM json_array_elements($1::text::json) AS e)"
                .formatted(IntStream.range(0, ident.size())
                        .mapToObj(at -> "(e ->> %d)::%s AS %s"
                                .formatted(
                                        at + 1,
                                        ident.get(at).type(),
                                        ident.get(at).name()))
                        .collect(Collectors.joining(", ")));
    }

    /** Locks those of the noted rows that nobody else holds, and tells which notes these are, and which have no row; $1 are the notes. */
    public String lockNoted() {
        return """
                WITH locked AS MATERIALIZED (SELECT %1$s FROM %2$s AS s JOIN %3$s AS n ON %4$s FOR UPDATE OF s SKIP LOCKED)
                SELECT json_build_object('locked', (SELECT coalesce(json_agg(a.e), '[]')
                    FROM json_array_elements($1::text::json) AS a (e) WHERE EXISTS (SELECT FROM locked AS s WHERE %5$s)),
                  'absent', (SELECT coalesce(json_agg(a.e), '[]')
                    FROM json_array_elements($1::text::json) AS a (e) WHERE NOT EXISTS (SELECT FROM %2$s AS s WHERE %5$s)))""".formatted(
                        list(spec.ident(), column -> "s." + column.name(), ", "),
                        from(source),
                        noted(),
                        equal("s", "n"),
                        ofElement());
    }

    private String ofElement() {
        List<Ident> ident = spec.ident();
        return IntStream.range(0, ident.size())
                .mapToObj(at -> "s.%s = (a.e ->> %d)::%s"
                        .formatted(ident.get(at).name(), at + 1, ident.get(at).type()))
                .collect(Collectors.joining(" AND "));
    }

    /** Takes noted rows out of the target, whose rows in the source are locked; $1 are the notes. */
    public String takeNoted() {
        return taking("");
    }

    /**
     * Locks the rows of the target that are noted, and that the source does not have; $1 are the notes. Whoever writes such a row
     * just now is waited for, so that {@link #takeAbsent}, a statement of its own, sees both tables as that one leaves them.
     */
    public String lockAbsent() {
        return "SELECT json_build_object('rows', count(*)) FROM (SELECT FROM %s AS t JOIN %s AS n ON %s FOR UPDATE OF t) AS l"
                .formatted(target, noted(), equal("t", "n"));
    }

    /** As {@link #takeNoted} where the source has no such row. One that has come into being since keeps what its writer put there. */
    public String takeAbsent() {
        return taking(" AND NOT EXISTS (SELECT FROM %s AS s WHERE %s)".formatted(from(source), equal("s", "t")));
    }

    private String taking(String condition) {
        return """
                DELETE FROM %s AS t USING %s AS n WHERE %s%s""".formatted(target, noted(), equal("t", "n"), condition);
    }

    /** Puts the noted rows, which are locked, into the target; $1 are the notes. */
    public String putNoted() {
        return """
                INSERT INTO %1$s (%2$s) OVERRIDING SYSTEM VALUE SELECT %3$s FROM %4$s AS s JOIN %5$s AS n ON %6$s
                  ON CONFLICT DO NOTHING""".formatted(target, columns(""), columns("s."), from(source), noted(), equal("s", "n"));
    }

    /** Notes those anew that were not put, because another noted row has a key of theirs still; $1 are the notes. */
    public String noteAgain() {
        return "INSERT INTO %1$s (%2$s) SELECT %3$s FROM %4$s AS n WHERE NOT EXISTS (SELECT FROM %5$s AS t WHERE %6$s)"
                .formatted(touched(), idents(""), idents("n."), noted(), target, equal("t", "n"));
    }

    /** Forgets notes; $1 are the notes. */
    public String forgetNotes() {
        return """
                DELETE FROM %s WHERE pgsidecar_n IN
                  (SELECT (e ->> 0)::bigint FROM json_array_elements($1::text::json) AS e)""".formatted(touched());
    }

    /** Whether there are notes, and the number of the last one; asked under the lock of the swap, so by the index. */
    public String anyNotes() {
        return "SELECT json_build_object('any', max(pgsidecar_n) IS NOT NULL, 'last', coalesce(max(pgsidecar_n), 0)) FROM %s"
                .formatted(touched());
    }

    /** Whether there are notes up to number $1. */
    public String anyNotesUpTo() {
        return "SELECT json_build_object('any', EXISTS (SELECT FROM %s WHERE pgsidecar_n <= $1::bigint))"
                .formatted(touched());
    }
}
