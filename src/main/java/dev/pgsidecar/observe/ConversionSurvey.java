package dev.pgsidecar.observe;

import dev.pgsidecar.postgres.catalog.Conversion;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Instant;
import java.util.List;

/**
 * The conversions of one database that are not over, as they were at one moment.
 *
 * @param at when it was asked
 */
public record ConversionSurvey(String database, Instant at, List<Conversion> conversions) {

    JsonArray json() {
        return new JsonArray(conversions.stream().map(this::json).toList());
    }

    private JsonObject json(Conversion conversion) {
        return new JsonObject()
                .put("id", conversion.name(database))
                .put("table", conversion.spec().table())
                .put("control", conversion.spec().control().name())
                .put("interval", conversion.spec().interval())
                .put("phase", conversion.phase().id())
                .put("paused", conversion.paused())
                .put("rows", conversion.rows())
                .put("total", conversion.total())
                .put("began", conversion.began().toString())
                .put("by", conversion.orderedBy())
                .put("observedAt", at.toString());
    }
}
