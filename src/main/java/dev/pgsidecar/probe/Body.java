package dev.pgsidecar.probe;

import dev.pgsidecar.observe.History;
import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.observe.Lag;
import dev.pgsidecar.observe.Observation;
import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.observe.Observation.Unanswered;
import dev.pgsidecar.observe.Role;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonObject;
import java.time.Duration;

/** The small JSON that a GET on a probe answers: why, and what was seen when. */
final class Body {

    private Body() {}

    static Buffer of(Verdict verdict, History history, Limits limits) {
        JsonObject body = new JsonObject();
        history.latest().ifPresent(latest -> describe(body, latest, limits));
        body.put("reason", verdict.reason());
        verdict.detail().ifPresent(detail -> body.put("detail", detail));
        return render(body);
    }

    static Buffer error(String reason, String detail) {
        return render(new JsonObject().put("reason", reason).put("detail", detail));
    }

    /** With a newline behind it: a terminal's prompt begins a line of its own. */
    static Buffer render(JsonObject body) {
        return body.toBuffer().appendString("\n");
    }

    private static void describe(JsonObject body, Observation latest, Limits limits) {
        switch (latest) {
            case Answered answered -> describe(body, answered.instance(), limits);
            case Unanswered unanswered ->
                body.putNull("role").put("state", unanswered.failure().kind().id());
        }
        body.put("observedAt", latest.at().wall().toString());
    }

    private static void describe(JsonObject body, Instance instance, Limits limits) {
        body.put("role", instance.role().id())
                .put("state", instance.recoveryState().map(state -> state.id()).orElse("running"))
                .put("timeline", instance.timeline());
        if (instance.role() == Role.REPLICA) {
            body.put("lag", lag(Lag.of(instance, limits.maxSilence())));
        }
    }

    /** Behind the upstream, in bytes and seconds; null where it is not known. */
    private static JsonObject lag(Lag lag) {
        JsonObject json = new JsonObject();
        json.put("bytes", lag.replayBytes().isPresent() ? lag.replayBytes().getAsLong() : null);
        json.put("seconds", lag.time().map(Body::seconds).orElse(null));
        lag.unknown().ifPresent(why -> json.put("unknown", why));
        return json;
    }

    static double seconds(Duration duration) {
        return duration.toMillis() / 1000.0;
    }
}
