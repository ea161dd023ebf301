package dev.pgsidecar.metrics;

import dev.pgsidecar.postgres.Lsn;
import io.prometheus.client.Collector.MetricFamilySamples;
import io.prometheus.client.CounterMetricFamily;
import io.prometheus.client.GaugeMetricFamily;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A metrics page in the making. A metric whose name ends in {@code _total} is a counter, any other a gauge. What is
 * absent is left out: a gap in a graph is the truth, a zero is not.
 */
final class Page {

    private static final String TOTAL = "_total";

    private final Map<String, Family> families = new LinkedHashMap<>();

    /** One metric: its values by the values of its labels. */
    private record Family(String help, List<String> labels, Map<List<String>, Double> samples) {}

    /**
     * Adds a sample. Where two have the same labels, as two standbys of one name can, the greater is shown: it is the
     * worse one.
     *
     * @param labels names and values by turns; the names are the same for all samples of a metric
     */
    Page add(String name, String help, double value, String... labels) {
        List<String> names = new ArrayList<>();
        List<String> values = new ArrayList<>();
        for (int index = 0; index < labels.length; index += 2) {
            names.add(labels[index]);
            values.add(labels[index + 1]);
        }
        families.computeIfAbsent(name, fresh -> new Family(help, names, new LinkedHashMap<>()))
                .samples()
                .merge(values, value, Math::max);
        return this;
    }

    Page add(String name, String help, boolean value, String... labels) {
        return add(name, help, value ? 1 : 0, labels);
    }

    Page add(String name, String help, OptionalLong value, String... labels) {
        value.ifPresent(present -> add(name, help, present, labels));
        return this;
    }

    /** A moment in seconds since 1970, a length of time in seconds, a WAL position in bytes. */
    Page add(String name, String help, Optional<?> value, String... labels) {
        value.ifPresent(present -> add(name, help, number(present), labels));
        return this;
    }

    /** Shows all metrics whose names begin so a second time, under another beginning. */
    Page repeat(String prefix, String otherPrefix) {
        List<String> names = families.keySet().stream()
                .filter(name -> name.startsWith(prefix))
                .toList();
        names.forEach(name -> families.put(otherPrefix + name.substring(prefix.length()), families.get(name)));
        return this;
    }

    List<MetricFamilySamples> families() {
        return families.entrySet().stream()
                .map(entry -> samples(entry.getKey(), entry.getValue()))
                .toList();
    }

    private static MetricFamilySamples samples(String name, Family family) {
        if (name.endsWith(TOTAL)) {
            String counted = name.substring(0, name.length() - TOTAL.length());
            CounterMetricFamily counter = new CounterMetricFamily(counted, family.help(), family.labels());
            family.samples().forEach(counter::addMetric);
            return counter;
        }
        GaugeMetricFamily gauge = new GaugeMetricFamily(name, family.help(), family.labels());
        family.samples().forEach(gauge::addMetric);
        return gauge;
    }

    static double seconds(Duration duration) {
        return duration.toNanos() / 1e9;
    }

    static double seconds(Instant instant) {
        return instant.getEpochSecond() + instant.getNano() / 1e9;
    }

    private static double number(Object value) {
        return switch (value) {
            case Duration duration -> seconds(duration);
            case Instant instant -> seconds(instant);
            case Lsn lsn -> lsn.bytes();
            case Boolean flag -> flag ? 1 : 0;
            case Number number -> number.doubleValue();
            default -> throw new IllegalArgumentException(value.toString());
        };
    }
}
