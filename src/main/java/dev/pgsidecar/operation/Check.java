package dev.pgsidecar.operation;

import dev.pgsidecar.postgres.Failure;
import dev.pgsidecar.postgres.PostgresException;
import io.vertx.core.json.JsonObject;
import java.util.Locale;
import java.util.Set;

/**
 * A named precondition of a command, judged.
 *
 * @param found what is
 * @param required what has to be
 * @param hint what to do about it, with the next command; empty when it passed
 * @param waivable whether a caller may take the responsibility for it, by its name
 * @param conflict whether it failed because things are not as the caller thinks
 */
public record Check(
        String name, Outcome outcome, String found, String required, String hint, boolean waivable, boolean conflict) {

    /** How it was judged. */
    public enum Outcome {
        PASSED,
        FAILED,
        /** It failed, and the caller named it. */
        WAIVED;

        /** The name as users see it. */
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    public static Check passed(String name, String found, String required) {
        return new Check(name, Outcome.PASSED, found, required, "", false, false);
    }

    /** One that nobody can take the responsibility for. */
    public static Check failed(String name, String found, String required, String hint) {
        return new Check(name, Outcome.FAILED, found, required, hint, false, false);
    }

    /** One that a caller can waive by its name. */
    public static Check doubtful(String name, String found, String required, String hint) {
        return new Check(name, Outcome.FAILED, found, required, hint, true, false);
    }

    /** The caller's picture is not the server's: another pause, another generation. Nobody can waive that. */
    public static Check conflicting(String name, String found, String required, String hint) {
        return new Check(name, Outcome.FAILED, found, required, hint, false, true);
    }

    /** Another cluster's server is a failed check of this name; that it cannot be asked is none, and is thrown on. */
    public static Check wrongInstance(String name, PostgresException e) throws PostgresException {
        if (e.failure().kind() != Failure.Kind.WRONG_INSTANCE) {
            throw e;
        }
        return failed(name, e.failure().cause(), "the right cluster", "see the agent's log");
    }

    public boolean failed() {
        return outcome == Outcome.FAILED;
    }

    /** The same check, waived if it failed, can be, and is among the names. */
    public Check waivedBy(Set<String> waivers) {
        return failed() && waivable && waivers.contains(name)
                ? new Check(name, Outcome.WAIVED, found, required, hint, true, false)
                : this;
    }

    public JsonObject json() {
        return new JsonObject()
                .put("name", name)
                .put("outcome", outcome.id())
                .put("found", found)
                .put("required", required)
                .put("hint", hint)
                .put("waivable", waivable);
    }

    static Check of(JsonObject json) {
        return new Check(
                json.getString("name", ""),
                Outcome.valueOf(json.getString("outcome", "failed").toUpperCase(Locale.ROOT)),
                json.getString("found", ""),
                json.getString("required", ""),
                json.getString("hint", ""),
                json.getBoolean("waivable", false),
                false);
    }
}
