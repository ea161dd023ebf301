package dev.pgsidecar.partition;

import dev.pgsidecar.operation.Command;
import dev.pgsidecar.operation.DatabaseTools;
import dev.pgsidecar.operation.Runbook;
import io.vertx.core.json.JsonObject;
import jakarta.inject.Singleton;
import java.util.List;

/** Can be ordered: that partitions are made ahead, and that those which retention gives up go. */
@Singleton
public class MaintenanceCommand implements Command {

    private final DatabaseTools tools;

    MaintenanceCommand(DatabaseTools tools) {
        this.tools = tools;
    }

    @Override
    public String kind() {
        return Maintaining.KIND;
    }

    @Override
    public boolean background() {
        return true;
    }

    @Override
    public List<String> checkNames() {
        return PartitionChecks.NAMES;
    }

    @Override
    public Runbook runbook(JsonObject request) {
        return new Maintaining(MaintenanceRequest.of(request), tools);
    }
}
