package dev.pgsidecar.partition;

import dev.pgsidecar.operation.Command;
import dev.pgsidecar.operation.DatabaseTools;
import dev.pgsidecar.operation.Runbook;
import io.vertx.core.json.JsonObject;
import jakarta.inject.Singleton;
import java.util.List;

/** Can be ordered: that the rows of a default partition get partitions of their own. */
@Singleton
public class RescueCommand implements Command {

    private final DatabaseTools tools;

    RescueCommand(DatabaseTools tools) {
        this.tools = tools;
    }

    @Override
    public String kind() {
        return Rescuing.KIND;
    }

    @Override
    public boolean background() {
        return true;
    }

    @Override
    public List<String> checkNames() {
        return Rescuing.NAMES;
    }

    @Override
    public JsonObject leastRequest() {
        String database = tools.databases().stream().findFirst().orElse("none");
        return new JsonObject().put("database", database).put("set", Rescuing.ANY);
    }

    @Override
    public Runbook runbook(JsonObject request) {
        return new Rescuing(RescueRequest.of(request), tools);
    }
}
