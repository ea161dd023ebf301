package dev.pgsidecar.writes;

import dev.pgsidecar.operation.Command;
import dev.pgsidecar.operation.Runbook;
import io.vertx.core.json.JsonObject;
import jakarta.inject.Singleton;
import java.util.List;

/** Can be ordered: that a pause which came with replication ends, where somebody else has promoted this server. */
@Singleton
public class AdoptCommand implements Command {

    private final Tools tools;

    AdoptCommand(Tools tools) {
        this.tools = tools;
    }

    @Override
    public String kind() {
        return Adopting.KIND;
    }

    @Override
    public List<String> checkNames() {
        return AdoptChecks.NAMES;
    }

    @Override
    public Runbook runbook(JsonObject request) {
        return new Adopting(request, tools);
    }
}
