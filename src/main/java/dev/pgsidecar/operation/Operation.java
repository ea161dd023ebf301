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
        Order order,
        Instant ordered,
        List<Check> checks,
        State state,
        List<Step> steps,
        JsonObject result,
        boolean irrevocable,
        Optional<Instant> ended,
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
        Optional<String> nothing = Optional.empty();
        return new Operation(
                id,
                order,
                Instant.now(),
                checks,
                State.RUNNING,
                List.of(),
                new JsonObject(),
                false,
                Optional.empty(),
                nothing,
                nothing);
    }

    public String kind() {
        return order.kind();
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
        return with(state, List.copyOf(changed), result, irrevocable);
    }

    Operation with(String name, Object value) {
        return with(state, steps, result.copy().put(name, value), irrevocable);
    }

    Operation without(String name) {
        JsonObject found = result.copy();
        found.remove(name);
        return with(state, steps, found, irrevocable);
    }

    Operation pastReturn() {
        return with(state, steps, result, true);
    }

    Operation end(State how, Optional<String> why, Optional<String> next) {
        return new Operation(
                id, order, ordered, checks, how, steps, result, irrevocable, Optional.of(Instant.now()), why, next);
    }

    private Operation with(State how, List<Step> done, JsonObject found, boolean past) {
        return new Operation(id, order, ordered, checks, how, done, found, past, ended, failure, hint);
    }

    public JsonObject json() {
        JsonObject json = new JsonObject()
                .put("id", id)
                .put("kind", kind())
                .put("state", state.id())
                .put("request", order.request())
                .put("waive", new JsonArray(List.copyOf(order.waivers())))
                .put("by", order.by())
                .put("from", order.from())
                .put("ordered", ordered.toString());
        order.idempotencyKey().ifPresent(key -> json.put("idempotencyKey", key));
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
        Order order = new Order(
                json.getString("kind"),
                json.getJsonObject("request", new JsonObject()),
                strings(json.getJsonArray("waive", new JsonArray())),
                json.getString("by", ""),
                json.getString("from", ""),
                Optional.ofNullable(json.getString("idempotencyKey")));
        return new Operation(
                json.getString("id"),
                order,
                Instant.parse(json.getString("ordered")),
                list(json, "checks", Check::of),
                State.valueOf(json.getString("state").toUpperCase(Locale.ROOT)),
                list(json, "steps", Step::of),
                json.getJsonObject("result", new JsonObject()),
                json.getBoolean("irrevocable", false),
                Optional.ofNullable(json.getString("ended")).map(Instant::parse),
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
