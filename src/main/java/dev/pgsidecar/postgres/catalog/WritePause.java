package dev.pgsidecar.postgres.catalog;

import static dev.pgsidecar.postgres.catalog.Fields.micros;

import dev.pgsidecar.postgres.Lsn;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * The record of the write pause that is active, from pgsidecar.write_pause (deploy/sql/install.sql).
 *
 * @param generation its number; it rises by one, and is never used again
 * @param node the name of the agent that holds it
 * @param timeline the timeline of its server when it began
 * @param operation the agent's operation that made it
 * @param databases the names of those that are held back, as they were then
 * @param method {@code limit} or {@code close}
 * @param left until the lease runs out, by the server's clock when it was asked; negative after it
 * @param held since it began, by the same clock
 * @param finalLsn nothing that an application wrote lies behind it; absent until that was proved
 * @param guarantee what was proved, or {@code broken}
 * @param committedTo the node that the writes were handed over to
 * @param undo the statements that undo it by hand
 */
public record WritePause(
        long generation,
        String node,
        int timeline,
        String operation,
        String orderedBy,
        String reason,
        boolean allDatabases,
        List<String> databases,
        String method,
        Instant started,
        Instant expires,
        Duration left,
        Duration held,
        Optional<Lsn> finalLsn,
        Optional<String> guarantee,
        Optional<String> committedTo,
        List<String> undo) {

    /** The guarantee of a pause in which somebody may have written after all. */
    public static final String BROKEN = "broken";

    static String sql() {
        return """
                (SELECT json_build_object('generation', generation, 'node', node, 'timeline', timeline, 'operation', operation,
                    'ordered_by', ordered_by, 'reason', reason, 'all', all_databases, 'method', method,
                    'databases', (SELECT json_agg(json_build_object('name', entry ->> 'name'))
                                  FROM jsonb_array_elements(previous) AS entry),
                    'started', %s, 'expires', %s, 'left', %s, 'held', %s,
                    'final_lsn', final_lsn, 'guarantee', guarantee, 'committed_to', committed_to,
                    'undo', (SELECT json_agg(json_build_object('statement', statement))
                             FROM unnest(pgsidecar.undo_statements(pause)) AS statement))
                 FROM pgsidecar.write_pause AS pause WHERE ended IS NULL)""".formatted(
                        micros("started"),
                        micros("expires"),
                        micros("expires - clock_timestamp()"),
                        micros("clock_timestamp() - started"));
    }

    static WritePause of(Fields fields) {
        return new WritePause(
                fields.number("generation").orElseThrow(),
                fields.text("node").orElseThrow(),
                (int) fields.number("timeline").orElseThrow(),
                fields.text("operation").orElseThrow(),
                fields.text("ordered_by").orElseThrow(),
                fields.text("reason").orElseThrow(),
                fields.flag("all").orElseThrow(),
                fields.list("databases", entry -> entry.text("name").orElseThrow()),
                fields.text("method").orElseThrow(),
                fields.instant("started").orElseThrow(),
                fields.instant("expires").orElseThrow(),
                fields.duration("left").orElseThrow(),
                fields.duration("held").orElseThrow(),
                fields.lsn("final_lsn"),
                fields.text("guarantee"),
                fields.text("committed_to"),
                fields.list("undo", entry -> entry.text("statement").orElseThrow()));
    }

    /** Whether this is the server that it was ordered at: on one timeline there is one primary, whatever its name now. */
    public boolean heldOn(int timelineNow) {
        return timeline == timelineNow;
    }

    /** Whether only an order can end it. */
    public boolean committed() {
        return committedTo.isPresent();
    }

    /** Whether it was proved that nobody writes, and nobody was seen to since. */
    public boolean proved() {
        return finalLsn.isPresent() && guarantee.filter(BROKEN::equals).isEmpty();
    }
}
