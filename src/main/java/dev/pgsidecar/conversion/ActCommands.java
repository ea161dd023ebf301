package dev.pgsidecar.conversion;

import dev.pgsidecar.operation.Command;
import dev.pgsidecar.operation.DatabaseTools;
import dev.pgsidecar.operation.Parameters;
import dev.pgsidecar.operation.Runbook;
import dev.pgsidecar.operation.ServerChecks;
import io.vertx.core.json.JsonObject;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** Can be ordered of a conversion: that it rests, goes on, is undone, finished or taken back. */
@Singleton
public class ActCommands {

    private final DatabaseTools tools;

    ActCommands(DatabaseTools tools) {
        this.tools = tools;
    }

    @Produces
    @Singleton
    Command pause() {
        return new ActCommand(Act.PAUSE, tools);
    }

    @Produces
    @Singleton
    Command resume() {
        return new ActCommand(Act.RESUME, tools);
    }

    @Produces
    @Singleton
    Command cancel() {
        return new ActCommand(Act.CANCEL, tools);
    }

    @Produces
    @Singleton
    Command finish() {
        return new ActCommand(Act.FINISH, tools);
    }

    @Produces
    @Singleton
    Command revert() {
        return new ActCommand(Act.REVERT, tools);
    }

    /** One of them. */
    private record ActCommand(Act act, DatabaseTools tools) implements Command {

        @Override
        public String kind() {
            return act.kind();
        }

        @Override
        public boolean background() {
            return true;
        }

        @Override
        public List<String> checkNames() {
            return Stream.concat(ServerChecks.NAMES.stream(), Acting.NAMES.stream())
                    .toList();
        }

        @Override
        public JsonObject leastRequest() {
            return new JsonObject().put(Converting.CONVERSION, Acting.ANY);
        }

        @Override
        public Runbook runbook(JsonObject request) {
            String name = Parameters.of(request, Set.of(Converting.CONVERSION))
                    .text(Converting.CONVERSION)
                    .orElseThrow(() -> new IllegalArgumentException("conversion: which one? GET /v1/partitions"));
            return new Acting(act, ConversionName.of(name), tools);
        }
    }
}
