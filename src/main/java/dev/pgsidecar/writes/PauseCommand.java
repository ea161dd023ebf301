package dev.pgsidecar.writes;

import dev.pgsidecar.operation.Command;
import dev.pgsidecar.operation.Runbook;
import io.vertx.core.json.JsonObject;
import jakarta.inject.Singleton;
import java.util.List;

/** Can be ordered: that applications write no more, for a time. */
@Singleton
public class PauseCommand implements Command {

    private final Tools tools;

    PauseCommand(Tools tools) {
        this.tools = tools;
    }

    @Override
    public String kind() {
        return Pausing.KIND;
    }

    @Override
    public List<String> checkNames() {
        return PauseChecks.NAMES;
    }

    @Override
    public JsonObject leastRequest() {
        return new JsonObject().put("all", true);
    }

    @Override
    public Runbook runbook(JsonObject request) {
        return new Pausing(PauseRequest.of(request), tools);
    }
}
