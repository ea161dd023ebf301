package dev.pgsidecar.api;

import dev.pgsidecar.operation.Check;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;

/**
 * An error as RFC 9457 writes it.
 *
 * @param status the HTTP status
 * @param type its short name
 * @param title what this type means
 * @param detail what happened now
 */
record Problem(int status, String type, String title, String detail, List<Check> checks, String hint) {

    static final String MEDIA_TYPE = "application/problem+json";

    static Problem malformed(String detail) {
        return of(400, "malformed", "The request makes no sense", detail, "GET /v1/openapi.yaml tells what does");
    }

    static Problem notFound(String detail) {
        return of(404, "not-found", "There is no such thing", detail, "GET /v1/openapi.yaml tells what there is");
    }

    static Problem of(int status, String type, String title, String detail, String hint) {
        return new Problem(status, type, title, detail, List.of(), hint);
    }

    /** The body. */
    String json() {
        JsonObject json = new JsonObject()
                .put("type", "urn:pgsidecar:" + type)
                .put("title", title)
                .put("status", status)
                .put("detail", detail);
        if (!checks.isEmpty()) {
            json.put("checks", new JsonArray(checks.stream().map(Check::json).toList()));
        }
        if (!hint.isEmpty()) {
            json.put("hint", hint);
        }
        return json.encode() + "\n";
    }
}
