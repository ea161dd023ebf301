package dev.pgsidecar.metrics;

import dev.pgsidecar.operation.Command;
import dev.pgsidecar.operation.Engine;
import dev.pgsidecar.operation.Operation;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.time.Duration;

/** How operations went, by kind: how many ended how, whether one runs, and for how long. */
@Singleton
public class OperationMetrics {

    private final Engine engine;
    private final MeterRegistry registry;

    OperationMetrics(Engine engine, MeterRegistry registry) {
        this.engine = engine;
        this.registry = registry;
    }

    void follow(@Observes StartupEvent started) {
        for (Command command : engine.commands()) {
            for (Operation.State state : Operation.State.values()) {
                if (state != Operation.State.RUNNING) {
                    count(command.kind(), state, 0); // there from the beginning, so that a first one is a change
                }
            }
            Gauge.builder("pgsidecar.operation.running", engine, now -> runs(now, command.kind()))
                    .description("Whether such an operation runs")
                    .tag("kind", command.kind())
                    .register(registry);
        }
        engine.follow(operation -> {
            if (!operation.running()) {
                count(operation.kind(), operation.state(), 1);
                DistributionSummary.builder("pgsidecar.operation.seconds")
                        .description("How long operations took")
                        .tag("kind", operation.kind())
                        .register(registry)
                        .record(Duration.between(
                                                operation.ordered(),
                                                operation.ended().orElseThrow())
                                        .toMillis()
                                / 1000.0);
            }
        });
    }

    private void count(String kind, Operation.State state, int more) {
        Counter.builder("pgsidecar.operations")
                .description("Operations that ended, by how they ended")
                .tags("kind", kind, "state", state.id())
                .register(registry)
                .increment(more);
    }

    private static int runs(Engine engine, String kind) {
        return engine.running(kind).isPresent() ? 1 : 0;
    }
}
