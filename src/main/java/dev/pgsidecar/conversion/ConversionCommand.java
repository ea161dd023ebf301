package dev.pgsidecar.conversion;

import dev.pgsidecar.operation.Command;
import dev.pgsidecar.operation.DatabaseTools;
import dev.pgsidecar.operation.Runbook;
import io.vertx.core.json.JsonObject;
import jakarta.inject.Singleton;
import java.util.List;

/** Can be ordered: that a table becomes a partition set. */
@Singleton
public class ConversionCommand implements Command {

    private final DatabaseTools tools;

    ConversionCommand(DatabaseTools tools) {
        this.tools = tools;
    }

    @Override
    public String kind() {
        return Converting.KIND;
    }

    @Override
    public boolean background() {
        return true;
    }

    @Override
    public List<String> checkNames() {
        return Planning.NAMES;
    }

    /** Of each unique index there is one. */
    @Override
    public boolean hasCheck(String name) {
        return name.startsWith(ConversionChecks.UNIQUE) || Command.super.hasCheck(name);
    }

    @Override
    public JsonObject leastRequest() {
        String database = tools.databases().stream().findFirst().orElse("none");
        return new JsonObject()
                .put("database", database)
                .put("table", Converting.ANY)
                .put("control", Converting.ANY)
                .put("interval", Converting.ANY);
    }

    @Override
    public Runbook runbook(JsonObject request) {
        return new Converting(ConversionRequest.of(request), tools);
    }
}
