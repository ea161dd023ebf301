package dev.pgsidecar.observe;

import dev.pgsidecar.postgres.catalog.EndedPause;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.WritePause;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;

/** Whether writes are paused, as JSON: what {@code GET /v1/writes} answers, and a part of {@code GET /v1/instance}. */
public final class WritesDocument {

    private WritesDocument() {}

    /** As an observation has it. */
    public static JsonObject of(Facts facts) {
        if (!facts.pausable()) {
            return new JsonObject().put("state", "not-installed");
        }
        return facts.writePause().map(WritesDocument::of).orElseGet(() -> {
            JsonObject open = new JsonObject().put("state", "open");
            facts.lastPause().ifPresent(last -> open.put("last", of(last)));
            return open;
        });
    }

    /** A pause. */
    public static JsonObject of(WritePause pause) {
        JsonObject json = new JsonObject()
                .put("state", pause.committed() ? "handed-over" : "paused")
                .put("generation", pause.generation())
                .put("node", pause.node())
                .put("timeline", pause.timeline())
                .put("operation", pause.operation())
                .put("orderedBy", pause.orderedBy())
                .put("reason", pause.reason())
                .put("method", pause.method())
                .put("all", pause.allDatabases())
                .put("databases", new JsonArray(pause.databases()))
                .put("startedAt", pause.started().toString())
                .put("heldSeconds", seconds(pause.held()));
        if (!pause.committed()) {
            json.put("expiresAt", pause.expires().toString()).put("leaseSecondsLeft", seconds(pause.left()));
        }
        pause.committedTo().ifPresent(target -> json.put("committedTo", target));
        pause.guarantee().ifPresent(guarantee -> json.put("guarantee", guarantee));
        pause.finalLsn().ifPresent(lsn -> json.put("finalLsn", lsn.toString()).put("finalLsnBytes", lsn.bytes()));
        return json.put("undo", new JsonArray(pause.undo()));
    }

    private static JsonObject of(EndedPause last) {
        return new JsonObject()
                .put("generation", last.generation())
                .put("node", last.node())
                .put("orderedBy", last.orderedBy())
                .put("reason", last.reason())
                .put("startedAt", last.started().toString())
                .put("endedAt", last.ended().toString())
                .put("how", last.how())
                .put("kept", new JsonArray(last.kept()));
    }

    private static double seconds(Duration duration) {
        return duration.toMillis() / 1000.0;
    }
}
