package dev.pgsidecar.probe;

import dev.pgsidecar.config.ByteSize;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.quarkus.runtime.configuration.DurationConverter;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * What a probe's query string asks beyond its path; the names are Patroni's, and {@code lag-time}.
 *
 * @param lag how many bytes a replica may be behind
 * @param lagTime how long it may be behind
 * @param streaming whether it must stream
 * @param received whether received WAL counts ({@code mode=write}), not replayed WAL ({@code mode=apply})
 * @param tag a tag that was asked for: no instance here has any
 */
record Question(
        Optional<ByteSize> lag, Optional<Duration> lagTime, boolean streaming, boolean received, Optional<String> tag) {

    static final Question PLAIN = new Question(Optional.empty(), Optional.empty(), false, false, Optional.empty());

    private static final int MOST_PARAMETERS = 16;
    private static final Set<String> NAMES = Set.of("lag", "lag-time", "replication_state", "mode");

    /**
     * Reads a raw query string.
     *
     * @throws IllegalArgumentException if a parameter is unknown, given twice, or its value makes no sense: ignoring it
     *     would answer another question than the one asked
     */
    static Question parse(String query) {
        if (query == null || query.isEmpty()) {
            return PLAIN;
        }
        Map<String, List<String>> given = new QueryStringDecoder(
                        query, java.nio.charset.StandardCharsets.UTF_8, false, MOST_PARAMETERS + 1)
                .parameters();
        if (given.size() > MOST_PARAMETERS) {
            throw new IllegalArgumentException("more than " + MOST_PARAMETERS + " parameters");
        }
        given.keySet().forEach(Question::requireKnown);
        return new Question(
                value(given, "lag", ByteSize::parse),
                value(given, "lag-time", Question::duration),
                value(given, "replication_state", text -> oneOf(text, "streaming"))
                        .isPresent(),
                value(given, "mode", text -> oneOf(text, "write", "apply"))
                        .filter("write"::equals)
                        .isPresent(),
                given.keySet().stream().filter(Question::isTag).findFirst());
    }

    /** The same question, of a replica that streams. */
    Question andStreaming() {
        return new Question(lag, lagTime, true, received, tag);
    }

    private static void requireKnown(String name) {
        if (!isTag(name) && !NAMES.contains(name)) {
            throw new IllegalArgumentException(
                    "unknown parameter \"%s\"; known are lag, lag-time, replication_state, mode and tag_*"
                            .formatted(name));
        }
    }

    private static boolean isTag(String name) {
        return name.startsWith("tag_");
    }

    private static <T> Optional<T> value(Map<String, List<String>> given, String name, Function<String, T> read) {
        List<String> values = given.getOrDefault(name, List.of());
        if (values.size() > 1) {
            throw new IllegalArgumentException(name + " is given twice");
        }
        return values.stream().findFirst().map(text -> {
            try {
                return read.apply(text);
            } catch (RuntimeException e) {
                throw new IllegalArgumentException(name + ": " + e.getMessage(), e);
            }
        });
    }

    private static Duration duration(String text) {
        if (!text.matches("\\d{1,9}(ms|s|m|h)")) {
            throw new IllegalArgumentException("\"" + text + "\" is not a time such as 500ms, 5s or 2m");
        }
        return new DurationConverter().convert(text);
    }

    private static String oneOf(String text, String... known) {
        if (!List.of(known).contains(text)) {
            throw new IllegalArgumentException("\"%s\" is not one of %s".formatted(text, String.join(", ", known)));
        }
        return text;
    }
}
