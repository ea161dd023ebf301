package dev.pgsidecar.promotion;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.observe.Eyes;
import dev.pgsidecar.observe.Observations;
import dev.pgsidecar.operation.Command;
import dev.pgsidecar.operation.Runbook;
import io.vertx.core.Vertx;
import io.vertx.core.json.JsonObject;
import jakarta.inject.Singleton;
import java.util.List;

/** Can be ordered: that this standby becomes the primary. */
@Singleton
public class PromoteCommand implements Command {

    private final Settings settings;
    private final Vertx vertx;
    private final Observations observations;
    private final Eyes eyes;

    PromoteCommand(Settings settings, Vertx vertx, Observations observations, Eyes eyes) {
        this.settings = settings;
        this.vertx = vertx;
        this.observations = observations;
        this.eyes = eyes;
    }

    @Override
    public String kind() {
        return Promotion.KIND;
    }

    @Override
    public List<String> checkNames() {
        return PromoteChecks.NAMES;
    }

    @Override
    public Runbook runbook(JsonObject request) {
        return new Promotion(PromoteRequest.of(request), settings, vertx, observations, eyes);
    }
}
