package dev.pgsidecar.postgres.catalog;

import dev.pgsidecar.postgres.Lsn;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;

/** Reads the JSON that a query made; what the server left null is absent. */
record Fields(JsonObject json) {

    /** SQL for a moment or an interval as whole microseconds, which JSON carries without loss. */
    static String micros(String expression) {
        return "(extract(epoch from " + expression + ") * 1000000)::bigint";
    }

    /** SQL for the rows of a query as a JSON array, empty if there are none. */
    static String rows(String query) {
        return "(SELECT coalesce(json_agg(r), '[]'::json) FROM (" + query + ") AS r)";
    }

    Optional<String> text(String name) {
        return Optional.ofNullable(json.getValue(name)).map(Object::toString);
    }

    Optional<Lsn> lsn(String name) {
        return Optional.ofNullable(json.getString(name)).map(Lsn::parse);
    }

    Optional<Boolean> flag(String name) {
        return Optional.ofNullable(json.getBoolean(name));
    }

    OptionalLong number(String name) {
        Long value = json.getLong(name);
        return value == null ? OptionalLong.empty() : OptionalLong.of(value);
    }

    Optional<Instant> instant(String micros) {
        return Optional.ofNullable(json.getLong(micros)).map(since -> Instant.EPOCH.plus(since, ChronoUnit.MICROS));
    }

    Optional<Duration> duration(String micros) {
        return Optional.ofNullable(json.getLong(micros)).map(length -> Duration.of(length, ChronoUnit.MICROS));
    }

    Optional<Fields> object(String name) {
        return Optional.ofNullable(json.getJsonObject(name)).map(Fields::new);
    }

    /** A list of texts; empty where there is none. */
    List<String> texts(String name) {
        JsonArray array = json.getJsonArray(name);
        return array == null ? List.of() : array.stream().map(Object::toString).toList();
    }

    <T> List<T> list(String name, Function<Fields, T> map) {
        JsonArray array = json.getJsonArray(name, new JsonArray());
        return array.stream()
                .map(each -> map.apply(new Fields((JsonObject) each)))
                .toList();
    }
}
