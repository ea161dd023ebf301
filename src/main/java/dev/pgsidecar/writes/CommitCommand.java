package dev.pgsidecar.writes;

import dev.pgsidecar.operation.Command;
import dev.pgsidecar.operation.Runbook;
import io.vertx.core.json.JsonObject;
import jakarta.inject.Singleton;
import java.util.List;

/** Can be ordered: that the paused writes go on at another node. */
@Singleton
public class CommitCommand implements Command {

    private final Tools tools;

    CommitCommand(Tools tools) {
        this.tools = tools;
    }

    @Override
    public String kind() {
        return HandingOver.KIND;
    }

    @Override
    public List<String> checkNames() {
        return CommitChecks.NAMES;
    }

    @Override
    public Runbook runbook(JsonObject request) {
        return new HandingOver(CommitRequest.of(request), tools);
    }
}
