package dev.pgsidecar.probe;

import io.prometheus.client.Collector;
import io.prometheus.client.CollectorRegistry;
import io.prometheus.client.GaugeMetricFamily;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.util.List;
import java.util.Map;

/** What the plain probes would answer now, as a metric: the graph of a balancer's view. */
@Singleton
public class VerdictCollector extends Collector {

    /** By the path that each is asked at. */
    private static final Map<String, Probe> SHOWN = Map.of(
            "primary", Probe.PRIMARY,
            "replica", Probe.REPLICA,
            "readiness", Probe.READINESS,
            "health", Probe.HEALTH);

    private final Answers answers;

    VerdictCollector(Answers answers) {
        this.answers = answers;
    }

    void register(@Observes StartupEvent started, CollectorRegistry registry) {
        registry.register(this);
    }

    @Override
    public List<MetricFamilySamples> collect() {
        GaugeMetricFamily verdicts = new GaugeMetricFamily(
                "pgsidecar_probe_passes", "Whether the health check would answer 200", List.of("probe"));
        GaugeMetricFamily reasons = new GaugeMetricFamily(
                "pgsidecar_probe_failed", "Why the health check would answer 503", List.of("probe", "reason"));
        SHOWN.forEach((name, probe) -> {
            Verdict verdict = answers.verdict(probe);
            verdicts.addMetric(List.of(name), verdict.passes() ? 1 : 0);
            if (!verdict.passes()) {
                reasons.addMetric(List.of(name, verdict.reason()), 1);
            }
        });
        return List.of(verdicts, reasons);
    }
}
