package dev.pgsidecar.probe;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.observe.Observations;
import io.vertx.core.json.JsonObject;

/** The open listener's answers, without the listener. */
public final class Probing {

    private final Answers answers;

    public Probing(Settings settings, Observations observations) {
        this.answers = new Answers(settings, observations);
    }

    /** The body that a GET on this path has now, and the status as {@code status}. */
    public JsonObject get(String path) {
        Answers.Answer answer = answers.answer(path, null);
        return new JsonObject(answer.body()).put("status", answer.status());
    }
}
