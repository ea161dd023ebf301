package dev.pgsidecar.metrics;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.observe.History;
import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.observe.Lag;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Observation;
import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.observe.Observation.Unanswered;
import dev.pgsidecar.observe.Observations;
import dev.pgsidecar.observe.RecoveryState;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.postgres.Failure;
import dev.pgsidecar.postgres.catalog.Slot;
import io.prometheus.client.Collector;
import io.prometheus.client.CollectorRegistry;
import io.prometheus.client.GaugeMetricFamily;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Renders the last observation. What is not known is left out: a gap in a graph is the truth, a zero is not. The age of
 * what is shown is itself a metric.
 */
@Singleton
public class ObservationCollector extends Collector {

    private final Observations observations;
    private final Settings settings;

    ObservationCollector(Observations observations, Settings settings) {
        this.observations = observations;
        this.settings = settings;
    }

    /** Quarkus' own producer makes one registry per injection: this one is shared with Micrometer's. */
    @Produces
    @Singleton
    CollectorRegistry registry() {
        CollectorRegistry registry = new CollectorRegistry(true);
        registry.register(this);
        return registry;
    }

    @Override
    public List<MetricFamilySamples> collect() {
        History history = observations.history();
        List<MetricFamilySamples> page = new ArrayList<>();
        Optional<Instance> instance = history.latest()
                .filter(this::isFresh)
                .filter(Answered.class::isInstance)
                .map(latest -> ((Answered) latest).instance());
        page.add(gauge(
                "pgsidecar_up",
                "Whether the right server answered lately: within observe.stale-after",
                instance.isPresent() ? 1 : 0));
        history.latest().ifPresent(latest -> observation(page, latest));
        instance.ifPresent(seen -> instance(page, seen));
        return page;
    }

    private void observation(List<MetricFamilySamples> page, Observation latest) {
        page.add(gauge(
                "pgsidecar_observation_age_seconds",
                "How old the last observation is",
                seconds(latest.at().ageAt(Moment.now()))));
        page.add(gauge(
                "pgsidecar_observation_duration_seconds",
                "How long the last observation took",
                seconds(latest.took())));
        page.add(failure(latest));
    }

    private boolean isFresh(Observation latest) {
        return latest.at().ageAt(Moment.now()).compareTo(settings.observe().staleAfter()) <= 0;
    }

    private static MetricFamilySamples failure(Observation latest) {
        GaugeMetricFamily family = new GaugeMetricFamily(
                "pgsidecar_observation_failed", "Why the last observation got no answer", List.of("reason"));
        for (Failure.Kind kind : Failure.Kind.values()) {
            boolean failed = latest instanceof Unanswered unanswered
                    && unanswered.failure().kind() == kind;
            family.addMetric(List.of(kind.id()), failed ? 1 : 0);
        }
        return family;
    }

    private void instance(List<MetricFamilySamples> page, Instance instance) {
        GaugeMetricFamily roles = new GaugeMetricFamily("pgsidecar_role", "The instance's role", List.of("role"));
        for (Role role : Role.values()) {
            roles.addMetric(List.of(role.id()), instance.role() == role ? 1 : 0);
        }
        page.add(roles);
        page.add(gauge("pgsidecar_timeline", "The timeline of the instance", instance.timeline()));
        slots(page, instance.facts().slots());
        if (instance.role() == Role.REPLICA) {
            replica(page, instance);
        }
    }

    private static void slots(List<MetricFamilySamples> page, List<Slot> slots) {
        GaugeMetricFamily active = new GaugeMetricFamily(
                "pgsidecar_slot_active", "Whether somebody streams from the replication slot", List.of("slot"));
        GaugeMetricFamily retained = new GaugeMetricFamily(
                "pgsidecar_slot_retained_bytes", "WAL that the replication slot keeps", List.of("slot"));
        for (Slot slot : slots) {
            active.addMetric(List.of(slot.name()), slot.active() ? 1 : 0);
            slot.retainedBytes().ifPresent(bytes -> retained.addMetric(List.of(slot.name()), bytes));
        }
        page.add(active);
        page.add(retained);
    }

    private void replica(List<MetricFamilySamples> page, Instance instance) {
        if (instance.recoveryState().filter(RecoveryState.UNKNOWN::equals).isEmpty()) {
            page.add(gauge(
                    "pgsidecar_receiver_streaming", "Whether the WAL receiver streams", instance.streaming() ? 1 : 0));
        }
        Lag.silence(instance)
                .ifPresent(silence -> page.add(gauge(
                        "pgsidecar_receiver_silence_seconds",
                        "How long ago the upstream's last message arrived",
                        seconds(silence))));
        Lag lag = Lag.of(instance, settings.probe().replica().maxSilence());
        lag.replayBytes()
                .ifPresent(bytes -> page.add(
                        gauge("pgsidecar_replica_lag_bytes", "WAL that the upstream has and is not replayed", bytes)));
        lag.time()
                .ifPresent(time -> page.add(gauge(
                        "pgsidecar_replica_lag_seconds", "How old the replayed state is at most", seconds(time))));
    }

    private static GaugeMetricFamily gauge(String name, String help, double value) {
        return new GaugeMetricFamily(name, help, value);
    }

    private static double seconds(Duration duration) {
        return duration.toNanos() / 1e9;
    }
}
