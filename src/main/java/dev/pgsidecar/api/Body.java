package dev.pgsidecar.api;

import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.LinkedHashSet;
import java.util.Set;

/** What a caller sent, read strictly: what nobody understands must not pass for an order. */
final class Body {

    /** The deepest that any request is. */
    private static final int DEEPEST = 4;

    private static final String WAIVE = "waive";

    private final JsonObject json;

    private Body(JsonObject json) {
        this.json = json;
    }

    /** Reads JSON; nothing at all means an empty object. */
    static Body of(String text) {
        if (text == null || text.isBlank()) {
            return new Body(new JsonObject());
        }
        requireShallow(text);
        try {
            return new Body(new JsonObject(text));
        } catch (DecodeException | ClassCastException e) {
            throw new ProblemException(Problem.malformed("the body is no JSON object"));
        }
    }

    /** The parameters of the command, without what every command has. */
    JsonObject request() {
        JsonObject request = json.copy();
        request.remove(WAIVE);
        return request;
    }

    /** The names of the checks that the caller takes on. */
    Set<String> waivers() {
        Object value = json.getValue(WAIVE);
        if (value == null) {
            return Set.of();
        }
        if (!(value instanceof JsonArray names) || !names.stream().allMatch(String.class::isInstance)) {
            throw new ProblemException(Problem.malformed("waive: not a list of names of checks"));
        }
        Set<String> waivers = new LinkedHashSet<>();
        names.forEach(name -> waivers.add((String) name));
        return Set.copyOf(waivers);
    }

    /** Before it is parsed: the parser goes as deep as the text does. */
    private static void requireShallow(String text) {
        int depth = 0;
        boolean quoted = false;
        for (int index = 0; index < text.length(); index++) {
            char each = text.charAt(index);
            if (quoted) {
                if (each == '\\') {
                    index++;
                } else if (each == '"') {
                    quoted = false;
                }
            } else if (each == '"') {
                quoted = true;
            } else if (each == '{' || each == '[') {
                if (++depth > DEEPEST) {
                    throw new ProblemException(
                            Problem.malformed("the body is nested deeper than %d".formatted(DEEPEST)));
                }
            } else if (each == '}' || each == ']') {
                depth--;
            }
        }
    }
}
