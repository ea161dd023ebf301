package dev.pgsidecar.api;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.util.LinkedHashSet;
import java.util.Set;

/** What a caller sent, read strictly: what nobody understands must not pass for an order. */
final class Body {

    /** The deepest that any request is. */
    private static final int DEEPEST = 4;

    private static final String WAIVE = "waive";

    /** A field that is given twice says two things. */
    private static final JsonFactory STRICT = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    private final JsonObject json;

    private Body(JsonObject json) {
        this.json = json;
    }

    /** Reads JSON; nothing at all means an empty object. */
    static Body of(String text) {
        if (text == null || text.isBlank()) {
            return new Body(new JsonObject());
        }
        try {
            requireSound(text);
            return new Body(new JsonObject(text));
        } catch (IOException | DecodeException | ClassCastException e) {
            throw new ProblemException(Problem.malformed("the body is no JSON object, or has a field twice"));
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

    /** Before it becomes an object: that goes as deep as the text does. */
    private static void requireSound(String text) throws IOException {
        try (JsonParser parser = STRICT.createParser(text)) {
            int depth = 0;
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                depth += token.isStructStart() ? 1 : token.isStructEnd() ? -1 : 0;
                if (depth > DEEPEST) {
                    throw new ProblemException(
                            Problem.malformed("the body is nested deeper than %d".formatted(DEEPEST)));
                }
            }
        }
    }
}
