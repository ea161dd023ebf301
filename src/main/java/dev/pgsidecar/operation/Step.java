package dev.pgsidecar.operation;

import io.vertx.core.json.JsonObject;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;

/**
 * A step of an operation, as the journal keeps it.
 *
 * @param note what was found or done, for a person
 */
public record Step(String name, State state, Instant began, Optional<Instant> ended, String note) {

    /** How far it is. */
    public enum State {
        /** Written down before it acts: after a crash nobody knows whether it did. */
        RUNNING,
        DONE,
        FAILED;

        /** The name as users see it. */
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    static Step begin(String name) {
        return new Step(name, State.RUNNING, Instant.now(), Optional.empty(), "");
    }

    Step end(State how, String note) {
        return new Step(name, how, began, Optional.of(Instant.now()), note);
    }

    Step noting(String text) {
        return new Step(name, state, began, ended, text);
    }

    JsonObject json() {
        JsonObject json =
                new JsonObject().put("name", name).put("state", state.id()).put("began", began.toString());
        ended.ifPresent(moment -> json.put("ended", moment.toString()));
        return json.put("note", note);
    }

    static Step of(JsonObject json) {
        return new Step(
                json.getString("name", ""),
                State.valueOf(json.getString("state", "running").toUpperCase(Locale.ROOT)),
                Instant.parse(json.getString("began")),
                Optional.ofNullable(json.getString("ended")).map(Instant::parse),
                json.getString("note", ""));
    }
}
