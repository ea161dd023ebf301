package dev.pgsidecar.operation;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * A command being carried out, or carried out: a picture of one moment. Its JSON is what the journal keeps and what
 * callers see; a field that an older agent did not write has its neutral value.
 *
 * @param result what it led to, as measured
 * @param irrevocable whether it is past the point where it could be left undone
 * @param failure why it ended otherwise than ordered
 * @param hint the next command, for whoever has to go on
 */
public record Operation(
        String id,
        String kind,
        State state,
        JsonObject request,
        Set<String> waivers,
        String by,
        String from,
        Optional<String> idempotencyKey,
        Instant ordered,
        Optional<Instant> ended,
        List<Check> checks,
        List<Step> steps,
        JsonObject result,
        boolean irrevocable,
        Optional<String> failure,
        Optional<String> hint) {

    /** How far it is. */
    public enum State {
        RUNNING,
        SUCCEEDED,
        FAILED,
        /** At the caller's wish, before it had acted. */
        CANCELLED,
        /** The agent or the server ended in the middle, and going on would be a guess; the failure says what is true. */
        INTERRUPTED;

        /** The name as users see it. */
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    static Operation begin(String id, Order order, List<Check> checks) {
        return new Operation(
                id,
                order.kind(),
                State.RUNNING,
                order.request(),
                order.waivers(),
                order.by(),
                order.from(),
                order.idempotencyKey(),
                Instant.now(),
                Optional.empty(),
                checks,
                List.of(),
                new JsonObject(),
                false,
                Optional.empty(),
                Optional.empty());
    }

    public boolean running() {
        return state == State.RUNNING;
    }

    /** The step of this name, if it has begun. */
    public Optional<Step> step(String name) {
        return steps.stream().filter(step -> step.name().equals(name)).findFirst();
    }

    /** With a step in place of the one of the same name, or behind all others. */
    Operation with(Step step) {
        List<Step> changed = new ArrayList<>(steps);
        int at = steps.stream().map(Step::name).toList().indexOf(step.name());
        if (at < 0) {
            changed.add(step);
        } else {
            changed.set(at, step);
        }
        return new Operation(
                id,
                kind,
                state,
                request,
                waivers,
                by,
                from,
                idempotencyKey,
                ordered,
                ended,
                checks,
                List.copyOf(changed),
                result,
                irrevocable,
                failure,
                hint);
    }

    Operation with(String name, Object value) {
        return new Operation(
                id,
                kind,
                state,
                request,
                waivers,
                by,
                from,
                idempotencyKey,
                ordered,
                ended,
                checks,
                steps,
                result.copy().put(name, value),
                irrevocable,
                failure,
                hint);
    }

    Operation pastReturn() {
        return new Operation(
                id,
                kind,
                state,
                request,
                waivers,
                by,
                from,
                idempotencyKey,
                ordered,
                ended,
                checks,
                steps,
                result,
                true,
                failure,
                hint);
    }

    Operation end(State how, Optional<String> why, Optional<String> next) {
        return new Operation(
                id,
                kind,
                how,
                request,
                waivers,
                by,
                from,
                idempotencyKey,
                ordered,
                Optional.of(Instant.now()),
                checks,
                steps,
                result,
                irrevocable,
                why,
                next);
    }

    public JsonObject json() {
        JsonObject json = new JsonObject()
                .put("id", id)
                .put("kind", kind)
                .put("state", state.id())
                .put("request", request)
                .put("waive", new JsonArray(List.copyOf(waivers)))
                .put("by", by)
                .put("from", from)
                .put("ordered", ordered.toString());
        idempotencyKey.ifPresent(key -> json.put("idempotencyKey", key));
        ended.ifPresent(moment -> json.put("ended", moment.toString()));
        json.put("checks", array(checks, Check::json))
                .put("steps", array(steps, Step::json))
                .put("result", result)
                .put("irrevocable", irrevocable);
        failure.ifPresent(text -> json.put("failure", text));
        hint.ifPresent(text -> json.put("hint", text));
        return json;
    }

    /**
     * Reads what {@link #json} wrote, in this version or an older one.
     *
     * @throws RuntimeException if it makes no sense
     */
    static Operation of(JsonObject json) {
        return new Operation(
                json.getString("id"),
                json.getString("kind"),
                State.valueOf(json.getString("state").toUpperCase(Locale.ROOT)),
                json.getJsonObject("request", new JsonObject()),
                strings(json.getJsonArray("waive", new JsonArray())),
                json.getString("by", ""),
                json.getString("from", ""),
                Optional.ofNullable(json.getString("idempotencyKey")),
                Instant.parse(json.getString("ordered")),
                Optional.ofNullable(json.getString("ended")).map(Instant::parse),
                list(json, "checks", Check::of),
                list(json, "steps", Step::of),
                json.getJsonObject("result", new JsonObject()),
                json.getBoolean("irrevocable", false),
                Optional.ofNullable(json.getString("failure")),
                Optional.ofNullable(json.getString("hint")));
    }

    private static <T> JsonArray array(Collection<T> values, Function<T, JsonObject> map) {
        return new JsonArray(values.stream().map(map).toList());
    }

    private static <T> List<T> list(JsonObject json, String name, Function<JsonObject, T> map) {
        return json.getJsonArray(name, new JsonArray()).stream()
                .map(JsonObject.class::cast)
                .map(map)
                .toList();
    }

    private static Set<String> strings(JsonArray array) {
        Set<String> strings = new LinkedHashSet<>();
        array.forEach(each -> strings.add((String) each));
        return Set.copyOf(strings);
    }
}
