package dev.pgsidecar.writes;

import dev.pgsidecar.operation.Command;
import dev.pgsidecar.operation.Runbook;
import io.vertx.core.json.JsonObject;
import jakarta.inject.Singleton;
import java.util.List;

/** Can be ordered: that applications may write again. */
@Singleton
public class ResumeCommand implements Command {

    private final Tools tools;

    ResumeCommand(Tools tools) {
        this.tools = tools;
    }

    @Override
    public String kind() {
        return Resuming.KIND;
    }

    @Override
    public List<String> checkNames() {
        return ResumeChecks.NAMES;
    }

    @Override
    public Runbook runbook(JsonObject request) {
        return new Resuming(ResumeRequest.of(request), tools);
    }
}
