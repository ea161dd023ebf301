package dev.pgsidecar.operation;

import io.quarkus.runtime.configuration.DurationConverter;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The parameters of an order, read strictly. Whatever makes no sense is an {@link IllegalArgumentException} that names the
 * field.
 *
 * @param prefix what stands before the fields' names in messages
 */
public record Parameters(JsonObject json, String prefix) {

    /** A value that makes sense, and is not allowed. */
    public static final class OutOfRange extends IllegalArgumentException {
        private static final long serialVersionUID = 1;

        OutOfRange(String why) {
            super(why);
        }
    }

    /** The parameters, where these fields are known and no others. */
    public static Parameters of(JsonObject request, Set<String> known) {
        return new Parameters(request, "").knowing(known);
    }

    private Parameters knowing(Set<String> known) {
        for (String name : json.fieldNames()) {
            if (!known.contains(name)) {
                throw new IllegalArgumentException("unknown field \"%s%s\"; known are %s"
                        .formatted(
                                prefix,
                                name,
                                String.join(", ", known.stream().sorted().toList())));
            }
        }
        return this;
    }

    /** A field that is an object with these fields; where it is not there, an empty one. */
    public Parameters object(String name, Set<String> known, String example) {
        Object value = json.getValue(name);
        if (value != null && !(value instanceof JsonObject)) {
            throw new IllegalArgumentException("%s: not an object such as %s".formatted(name, example));
        }
        return new Parameters(value == null ? new JsonObject() : (JsonObject) value, name + ".").knowing(known);
    }

    /** A text that is not blank. */
    public Optional<String> text(String name) {
        Object value = json.getValue(name);
        if (value != null && !(value instanceof String)) {
            throw new IllegalArgumentException(prefix + name + ": not a text");
        }
        Optional<String> text = Optional.ofNullable((String) value);
        if (text.filter(String::isBlank).isPresent()) {
            throw new IllegalArgumentException(prefix + name + ": it is empty");
        }
        return text;
    }

    /** A whole number from 1 on. */
    public Optional<Long> number(String name) {
        Object value = json.getValue(name);
        if (value == null) {
            return Optional.empty();
        }
        if (!(value instanceof Integer || value instanceof Long) || ((Number) value).longValue() < 1) {
            throw new IllegalArgumentException(prefix + name + ": not a whole number from 1 on");
        }
        return Optional.of(((Number) value).longValue());
    }

    public boolean flag(String name) {
        Object value = json.getValue(name);
        if (value != null && !(value instanceof Boolean)) {
            throw new IllegalArgumentException(prefix + name + ": not true or false");
        }
        return Boolean.TRUE.equals(value);
    }

    /** A list of texts, none of them blank or there twice; absent is not the same as empty, which is refused. */
    public Optional<List<String>> names(String name) {
        Object value = json.getValue(name);
        if (value == null) {
            return Optional.empty();
        }
        boolean sound = value instanceof JsonArray array
                && !array.isEmpty()
                && array.stream().allMatch(each -> each instanceof String text && !text.isBlank())
                && array.stream().distinct().count() == array.size();
        if (!sound) {
            throw new IllegalArgumentException(prefix + name + ": not a list of different names");
        }
        return Optional.of(((JsonArray) value).stream().map(Object::toString).toList());
    }

    /**
     * A length of time, such as 30s.
     *
     * @throws OutOfRange if it is shorter or longer
     */
    public Duration duration(String name, Duration otherwise, Duration least, Duration most) {
        Optional<String> text = text(name);
        if (text.isEmpty()) {
            return otherwise;
        }
        Duration length;
        try {
            length = new DurationConverter().convert(text.get());
        } catch (IllegalArgumentException | ArithmeticException e) {
            throw new IllegalArgumentException(prefix + name + ": not a time such as 30s or PT30S", e);
        }
        if (length.compareTo(least) < 0 || length.compareTo(most) > 0) {
            throw new OutOfRange("%s%s: %s is not within %ds and %ds"
                    .formatted(prefix, name, text.get(), least.toSeconds(), most.toSeconds()));
        }
        return length;
    }

    /** One of these words. */
    public String word(String name, String otherwise, Set<String> allowed) {
        String word = text(name).orElse(otherwise);
        if (!allowed.contains(word)) {
            throw new IllegalArgumentException("%s%s: \"%s\" is none of %s"
                    .formatted(
                            prefix,
                            name,
                            word,
                            String.join(", ", allowed.stream().sorted().toList())));
        }
        return word;
    }
}
