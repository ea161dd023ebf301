package dev.pgsidecar.postgres.catalog;

import static dev.pgsidecar.postgres.catalog.Fields.micros;

import java.time.Instant;
import java.util.List;

/**
 * The newest write pause that has ended, from the history in pgsidecar.write_pause (deploy/sql/install.sql).
 *
 * @param how what ended it: {@code expired}, {@code failed}, {@code by hand}, or who resumed or was promoted
 * @param kept what somebody had changed meanwhile, and was left as it was
 */
public record EndedPause(
        long generation,
        String node,
        String orderedBy,
        String reason,
        Instant started,
        Instant ended,
        String how,
        List<String> kept) {

    static String sql() {
        return """
                (SELECT json_build_object('generation', generation, 'node', node, 'ordered_by', ordered_by, 'reason', reason,
                    'started', %s, 'ended', %s, 'how', coalesce(ended_how, 'by hand'),
                    'kept', (SELECT coalesce(json_agg(json_build_object('text', text)), '[]')
                             FROM jsonb_array_elements_text(kept) AS text))
                 FROM pgsidecar.write_pause WHERE ended IS NOT NULL ORDER BY generation DESC LIMIT 1)""".formatted(micros("started"), micros("ended"));
    }

    static EndedPause of(Fields fields) {
        return new EndedPause(
                fields.number("generation").orElseThrow(),
                fields.text("node").orElseThrow(),
                fields.text("ordered_by").orElseThrow(),
                fields.text("reason").orElseThrow(),
                fields.instant("started").orElseThrow(),
                fields.instant("ended").orElseThrow(),
                fields.text("how").orElseThrow(),
                fields.list("kept", entry -> entry.text("text").orElseThrow()));
    }
}
