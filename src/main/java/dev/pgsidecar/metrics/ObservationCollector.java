package dev.pgsidecar.metrics;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.observe.History;
import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Observation;
import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.observe.Observation.Unanswered;
import dev.pgsidecar.observe.Observations;
import dev.pgsidecar.postgres.Failure;
import dev.pgsidecar.postgres.Identity;
import dev.pgsidecar.postgres.PostgresException;
import io.prometheus.client.Collector;
import io.prometheus.client.CollectorRegistry;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * Renders the last observation. Once it is stale nothing of the instance is shown any more; that it is, and how old, are
 * metrics themselves.
 */
@Singleton
public class ObservationCollector extends Collector {

    private final Observations observations;
    private final Settings settings;
    private final Identity identity;
    private final String version;

    ObservationCollector(
            Observations observations,
            Settings settings,
            @ConfigProperty(name = "quarkus.application.version") String version) {
        this.observations = observations;
        this.settings = settings;
        this.identity = new Identity(settings);
        this.version = version;
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
        return page(observations.history(), Moment.now()).families();
    }

    private Page page(History history, Moment now) {
        Optional<Instance> instance = history.latest()
                .filter(latest -> latest.isFresh(now, settings.observe().staleAfter()))
                .filter(Answered.class::isInstance)
                .map(latest -> ((Answered) latest).instance());
        Page page = new Page()
                .add(
                        "pgsidecar_up",
                        "Whether the right server answered lately: within observe.stale-after",
                        instance.isPresent())
                .add("pg_up", "Whether the last scrape of metrics could connect to the server", instance.isPresent())
                .add("pg_exporter_last_scrape_error", "Whether it could not", instance.isEmpty());
        page.add("pgsidecar_build_info", "The agent's own version", 1, "version", version)
                .add(
                        "pgsidecar_instance_info",
                        "The agent's name and its cluster, whether the server answers or not",
                        1,
                        "name",
                        settings.instanceName(),
                        "system_identifier",
                        systemIdentifier(history));
        for (Failure.Kind kind : Failure.Kind.values()) {
            page.add(
                    "pgsidecar_observation_failures_total",
                    "Observations that failed since the agent began",
                    history.failures().getOrDefault(kind, 0L),
                    "reason",
                    kind.id());
        }
        history.latest().ifPresent(latest -> observation(page, latest, now));
        PartitionMetrics.add(
                page,
                settings.partition(),
                history,
                now,
                late(settings.observe().sizesEvery()));
        instance.ifPresent(seen -> {
            ReplicationMetrics.add(
                    page,
                    seen,
                    settings.probe().replica().maxSilence(),
                    settings.open().addresses());
            WriteMetrics.add(page, seen);
            SlotMetrics.add(page, seen);
            ServerMetrics.add(page, seen);
            boolean seesAll = seen.facts().server().seesAll();
            history.slow()
                    .flatMap(
                            slow -> slow.statistics(now, late(settings.observe().connectEvery())))
                    .ifPresent(statistics -> StatisticsMetrics.add(page, statistics, seesAll));
            history.slow()
                    .flatMap(slow -> slow.facts(now, late(settings.observe().sizesEvery())))
                    .ifPresent(facts -> ServerMetrics.add(page, facts, seen.role(), now.wall()));
            if (settings.metrics().oldSlotNames()) {
                page.repeat("pg_replication_slots_", "pg_replication_slot_");
            }
            if (settings.metrics().patroniNames()) {
                PatroniMetrics.add(page, seen, settings.instanceName());
            }
        });
        return page;
    }

    /** A file is read only as long as no server has answered. Empty while it is not known. */
    private String systemIdentifier(History history) {
        if (history.lastAnswered().isPresent()) {
            return history.lastAnswered().get().instance().facts().server().systemIdentifier();
        }
        try {
            return identity.expected().orElse("");
        } catch (PostgresException _) {
            return ""; // pgsidecar_observation_failed{reason="identity-unreadable"} tells
        }
    }

    /** What should have come every so often and has not for so long is not the truth any more. */
    private Duration late(Duration every) {
        return every.multipliedBy(2).plus(settings.observe().staleAfter());
    }

    private static void observation(Page page, Observation latest, Moment now) {
        page.add(
                        "pgsidecar_observation_age_seconds",
                        "How old the last observation is",
                        Page.seconds(latest.at().ageAt(now)))
                .add(
                        "pgsidecar_observation_duration_seconds",
                        "How long the last observation took",
                        Page.seconds(latest.took()));
        for (Failure.Kind kind : Failure.Kind.values()) {
            boolean failed = latest instanceof Unanswered unanswered
                    && unanswered.failure().kind() == kind;
            page.add(
                    "pgsidecar_observation_failed",
                    "Why the last observation got no answer",
                    failed,
                    "reason",
                    kind.id());
        }
    }
}
